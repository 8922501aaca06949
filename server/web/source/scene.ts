// Converts the part of the model within a span to pixels. Requests narrower than a pixel are aggregated, so that
// drawing costs the same for ten requests and for a hundred thousand.
import type {Gap, Model, OpenRequest} from './model';
import type {Span} from './span';

export type Subject = {kind: 'record'; record: number} | {kind: 'open'; request: OpenRequest};

export interface Bar { row: number; left: number; right: number; holds: boolean; subject: Subject }
export interface Arrow { x: number; from: number; to: number }  // from and to: the rows of releaser and next owner

export interface Scene {
  span: Span;
  width: number;
  rows: number;
  bars: Bar[];               // wider than a pixel
  held: Float32Array[];      // per row: the share of each pixel during which narrow requests held the lock
  waited: Float32Array[];    // the same for waits; more than 1 if several requests of a row waited at once
  queue: Float32Array;       // the mean length of the queue in each pixel
  queueMax: number;          // the greatest length of the queue in the span
  arrows: Arrow[];
  arrowsHidden: boolean;     // true if there are too many to distinguish
  committing: Float32Array;  // the share of each pixel during which a commit ran
  commits: {left: number; right: number; changes: number}[];  // those wide enough to be distinguished
  committed: {commits: number; changes: number; took_ns: number};  // totals of the span
  gaps: {left: number; right: number; gap: Gap}[];
  forgottenUntil: number;    // width in pixels at the left without records, since they are no longer kept
}

const arrows_max = 400;
const arrow_distance = 5;
const bar_min = 1.5;  // pixels
const commit_min = 14;  // pixels needed for a number

/// @param rowOf returns the row of a source, which may be the shared row
export function buildScene(model: Model, span: Span, width: number, rows: number, rowOf: (source: string) => number): Scene {
  const {records} = model;
  const {names, source, asked, granted, ended} = records;
  const pixels = width / (span.to_ns - span.from_ns);  // per nanosecond
  const column = () => new Float32Array(width);
  const scene: Scene = {span, width, rows, bars: [], held: Array.from({length: rows}, column), waited: Array.from({length: rows}, column),
    queue: column(), queueMax: 0, arrows: [], arrowsHidden: false,
    committing: column(), commits: [], committed: {commits: 0, changes: 0, took_ns: 0}, gaps: [], forgottenUntil: 0};
  const x = (time_ns: number) => (time_ns - span.from_ns) * pixels;

  // Adds to each pixel its covered part between two positions, which may be equal.
  const cover = (into: Float32Array, left: number, right: number) => {
    const from = left > 0 ? left : 0, to = right < width ? right : width;
    if (from > to || from >= width) return;
    const first = from | 0, last = to < width ? to | 0 : width - 1;
    if (first === last) {
      into[first] = into[first]! + Math.max(to - from, 1e-6);
      return;
    }
    into[first] = into[first]! + (first + 1 - from);
    for (let at = first + 1; at < last; ++at) into[at] = into[at]! + 1;
    into[last] = into[last]! + (to - last);
  };
  // Adds a record's or an open request's bar; creates its subject only if it is wide enough to be pointed at.
  const part = (row: number, from_ns: number, to_ns: number, holds: boolean, record: number, request?: OpenRequest) => {
    const left = (from_ns - span.from_ns) * pixels, right = (to_ns - span.from_ns) * pixels;
    if (right < 0 || left > width) return;
    if (!holds) cover(scene.queue, left, right);
    if (right - left < bar_min) {
      cover((holds ? scene.held : scene.waited)[row]!, left, right);
      return;
    }
    const subject: Subject = request === undefined ? {kind: 'record', record} : {kind: 'open', request};
    scene.bars.push({row, left: Math.max(left, -4), right: Math.min(right, width + 4), holds, subject});
  };

  const rowOfNumber: (number | undefined)[] = [];
  let previous = -1;  // the previous record that owned the lock
  let handOffs = 0;
  let waitingAtBegin = 0;  // the queue's length at the start of the span
  const queued = (from_ns: number, position: number) => {
    if (from_ns < span.from_ns) ++waitingAtBegin;
    else scene.queueMax = Math.max(scene.queueMax, position);
  };
  const handOff = (from: number, row: number, granted_ns: number) => {
    if (from < 0) return;
    const at = x(granted_ns);
    if (at < 0 || at > width) return;
    const slot = records.slot(from);
    // A longer interval is not a hand-off: the record of the actual releaser was lost.
    if (Math.abs(granted_ns - ended[slot]!) > 5e6) return;
    ++handOffs;
    if (scene.arrows.length >= arrows_max) return;
    const number = source[slot]!;
    const fromRow = rowOfNumber[number] ??= rowOf(names.text(number));
    if (fromRow !== row) scene.arrows.push({x: at, from: fromRow, to: row});
  };

  for (let record = records.firstEndedFrom(span.from_ns); record < records.next; ++record) {
    const at = records.slot(record);
    const asked_ns = asked[at]!, ended_ns = ended[at]!, granted_ns = granted[at]!;
    const owned = granted_ns === granted_ns;
    const before = previous;
    if (owned) previous = record;
    if (ended_ns < span.from_ns || asked_ns > span.to_ns) continue;
    const number = source[at]!;
    const row = rowOfNumber[number] ??= rowOf(names.text(number));
    const until_ns = owned ? granted_ns : ended_ns;
    if (until_ns > asked_ns) {
      if (until_ns >= span.from_ns) queued(asked_ns, records.positionOf(record));
      part(row, asked_ns, until_ns, false, record);
      if (owned) handOff(before, row, granted_ns);
    }
    if (owned) part(row, granted_ns, ended_ns, true, record);
  }
  for (const request of model.open.values()) {
    if (request.asked_ns > span.to_ns) continue;
    const row = rowOf(request.source);
    const until_ns = request.granted_ns ?? Infinity;
    if (until_ns > request.asked_ns) {
      if (until_ns >= span.from_ns) queued(request.asked_ns, request.position);
      part(row, request.asked_ns, Math.min(until_ns, span.to_ns), false, -1, request);
    }
    if (request.granted_ns === null || request.granted_ns > span.to_ns) continue;
    if (request.granted_ns > request.asked_ns) handOff(previous, row, request.granted_ns);
    part(row, request.granted_ns, span.to_ns, true, -1, request);
  }

  if (handOffs > width / arrow_distance || handOffs > arrows_max) {
    scene.arrows = [];
    scene.arrowsHidden = true;
  }
  scene.queueMax = Math.max(scene.queueMax, waitingAtBegin);
  const {commits} = model;
  for (let number = commits.firstEndedFrom(span.from_ns); number < commits.next; ++number) {
    const at = commits.slot(number);
    const began_ns = commits.began[at]!, ended_ns = commits.ended[at]!, changes = commits.changes[at]!;
    if (began_ns > span.to_ns) break;
    ++scene.committed.commits;
    scene.committed.changes += changes;
    scene.committed.took_ns += ended_ns - began_ns;
    const left = x(began_ns), right = x(ended_ns);
    cover(scene.committing, left, right);
    if (right - left >= commit_min) scene.commits.push({left, right, changes});
  }
  for (const gap of model.gaps) {
    const left = x(gap.from_ns), right = x(gap.to_ns);
    if (right >= 0 && left <= width) scene.gaps.push({left, right, gap});
  }
  if (records.first > 0) scene.forgottenUntil = Math.max(0, Math.min(width, x(ended[records.slot(records.first)]!)));
  return scene;
}

/// Finds the request at a position: the bar there, or the longest aggregated request within a few pixels.
export function pick(model: Model, scene: Scene, row: number, at: number, rowOf: (source: string) => number): Subject | undefined {
  const bars = scene.bars.filter(bar => bar.row === row && bar.left - 1 <= at && at <= bar.right + 1);
  // If several bars overlap, take the shortest: the longer ones can be reached beside it.
  const bar = bars.sort((a, b) => Number(b.holds) - Number(a.holds) || (a.right - a.left) - (b.right - b.left))[0];
  if (bar !== undefined) return bar.subject;
  const {records} = model;
  const reach_ns = 4 * (scene.span.to_ns - scene.span.from_ns) / scene.width;
  const at_ns = scene.span.from_ns + at * reach_ns / 4;
  let best: Subject | undefined;
  let longest = -1;
  for (let record = records.firstEndedFrom(at_ns - reach_ns); record < records.next; ++record) {
    const slot = records.slot(record);
    if (records.ended[slot]! < at_ns - reach_ns || records.asked[slot]! > at_ns + reach_ns) continue;
    const length = records.ended[slot]! - records.asked[slot]!;
    if (length > longest && rowOf(records.names.text(records.source[slot]!)) === row) {
      longest = length;
      best = {kind: 'record', record};
    }
  }
  return best;
}
