// Draws a scene. All lengths are CSS pixels; the context is scaled to the device's pixels.
import {axisOrigin_ns, count, duration, moment, plural, shortened} from './format';
import type {Bar, Scene} from './scene';
import {stepFor} from './span';
import {theme} from './theme';

export interface Layout {
  gutter: number;  // width of the lanes' names, left of the time
  axis: number;    // height of the times above the lanes
  lane: number;    // height of a lane, including its margin
  bar: number;     // height of the drawn part of a lane
  commits: number; // height of the journal's commits below the lanes; 0 if there are none
  queue: number;   // height of the graph of the queue's length at the bottom
}

/// The marker around the hovered or selected request, of any width.
export interface Cursor { row: number; left: number; right: number }

export interface Painting {
  scene: Scene;
  layout: Layout;
  height: number;
  names: string[];    // of the rows
  colours: string[];  // of the rows
  bold: boolean[];    // of the rows: emphasizes the name
  cursor: Cursor | undefined;
  focusedRow: number | undefined;
}

export function rowTop(layout: Layout, row: number): number { return layout.axis + row * layout.lane + (layout.lane - layout.bar) / 2; }

export function lanesEnd(layout: Layout, rows: number): number { return layout.axis + rows * layout.lane; }

export function paint(context: CanvasRenderingContext2D, painting: Painting): void {
  const {scene, layout, height} = painting;
  const {gutter} = layout;
  context.clearRect(0, 0, gutter + scene.width, height);
  paintAxis(context, painting);
  context.save();
  context.beginPath();
  context.rect(gutter, 0, scene.width, height);
  context.clip();
  context.translate(gutter, 0);
  paintGaps(context, painting);
  paintNarrow(context, painting);
  paintBars(context, painting);
  paintArrows(context, painting);
  paintCursor(context, painting);
  paintCommits(context, painting);
  paintQueue(context, painting);
  context.restore();
  paintNames(context, painting);
}

function font(context: CanvasRenderingContext2D, size: number, weight = ''): void {
  context.font = `${weight} ${size}px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif`;
}

function paintAxis(context: CanvasRenderingContext2D, {scene, layout, height}: Painting): void {
  const {grid, inkSoft} = theme();
  const {from_ns, to_ns} = scene.span;
  const length_ns = to_ns - from_ns;
  font(context, 11);
  const roughStep_ns = stepFor(length_ns, Math.max(2, scene.width / 95));
  const label = context.measureText(moment(to_ns, roughStep_ns)).width + 24;
  const step_ns = stepFor(length_ns, Math.max(1, scene.width / Math.max(label, 95)));
  const origin_ns = axisOrigin_ns();
  context.fillStyle = inkSoft;
  context.strokeStyle = grid;
  context.lineWidth = 1;
  context.textAlign = 'center';
  context.textBaseline = 'alphabetic';
  context.beginPath();
  for (let at_ns = origin_ns + Math.ceil((from_ns - origin_ns) / step_ns) * step_ns; at_ns <= to_ns; at_ns += step_ns) {
    if (at_ns < 0) continue;
    const x = layout.gutter + (at_ns - from_ns) / length_ns * scene.width;
    context.moveTo(Math.round(x) + 0.5, layout.axis - 4);
    context.lineTo(Math.round(x) + 0.5, height);
    const text = moment(at_ns, step_ns);
    const half = context.measureText(text).width / 2;
    if (x - half > layout.gutter && x + half < layout.gutter + scene.width) context.fillText(text, x, layout.axis - 8);
  }
  context.stroke();
}

function paintGaps(context: CanvasRenderingContext2D, {scene, layout, height}: Painting): void {
  const {gap, inkSoft} = theme();
  context.fillStyle = gap;
  if (scene.forgottenUntil > 0) context.fillRect(0, layout.axis, scene.forgottenUntil, height);
  for (const {left, right} of scene.gaps) context.fillRect(left - 1, layout.axis, Math.max(right - left, 2), height);
  font(context, 11);
  context.textAlign = 'left';
  context.fillStyle = inkSoft;
  if (scene.forgottenUntil > 90) context.fillText('not kept', 6, layout.axis + 13);
  let free = scene.forgottenUntil > 90 ? 90 : -Infinity;
  for (const {left, gap: {count, cause}} of scene.gaps) {
    if (left < free) continue;
    const text = cause === 'dropped' ? `${plural(count, 'message')} dropped` : `${plural(count, 'request')} not kept during this pause`;
    context.fillText(text, left + 4, layout.axis + 13);
    free = left + context.measureText(text).width + 12;
  }
}

/// Draws pixels that aggregate several requests, in runs of equal shade.
function paintNarrow(context: CanvasRenderingContext2D, {scene, layout, colours}: Painting): void {
  const {wait} = theme();
  const shades = 8;
  for (let row = 0; row < scene.rows; ++row) {
    const top = rowTop(layout, row);
    const run = (shares: Float32Array, colour: string, y: number, height: number) => {
      context.fillStyle = colour;
      for (let at = 0; at < shares.length;) {
        const share = shares[at]!;
        if (share === 0) { ++at; continue; }
        const shade = Math.ceil(Math.min(share, 1) * shades);
        let end = at + 1;
        while (end < shares.length && shares[end]! > 0 && Math.ceil(Math.min(shares[end]!, 1) * shades) === shade) ++end;
        // A single pixel would be invisible in a pale shade.
        const alone = end - at === 1 && !shares[at - 1] && !shares[end];
        context.globalAlpha = alone ? 1 : 0.3 + 0.7 * shade / shades;
        context.fillRect(alone ? at - 0.5 : at, y, alone ? 2 : end - at, height);
        at = end;
      }
    };
    run(scene.waited[row]!, wait, top + layout.bar * 0.3, layout.bar * 0.4);
    run(scene.held[row]!, colours[row]!, top, layout.bar);
  }
  context.globalAlpha = 1;
}

function paintBars(context: CanvasRenderingContext2D, {scene, layout, colours}: Painting): void {
  const {wait, card} = theme();
  const draw = (bar: Bar) => {
    const top = rowTop(layout, bar.row);
    const width = Math.max(bar.right - bar.left, 1.5);
    if (bar.holds) context.fillRect(bar.left, top, width, layout.bar);
    else context.fillRect(bar.left, top + layout.bar * 0.3, width, layout.bar * 0.4);
  };
  context.fillStyle = wait;
  for (const bar of scene.bars) if (!bar.holds) draw(bar);
  for (const bar of scene.bars) {
    if (!bar.holds) continue;
    context.fillStyle = colours[bar.row]!;
    draw(bar);
  }
  font(context, 11, '600');
  context.textAlign = 'left';
  context.fillStyle = card;
  for (const bar of scene.bars) {
    const left = Math.max(bar.left, 0), right = Math.min(bar.right, scene.width);
    if (!bar.holds || right - left < 64 || bar.subject.kind !== 'open' && bar.left < 0) continue;
    const perPixel = (scene.span.to_ns - scene.span.from_ns) / scene.width;
    context.fillText(duration((bar.right - bar.left) * perPixel), left + 6, rowTop(layout, bar.row) + layout.bar / 2 + 4);
  }
}

/// Draws a frame, and a pointer above if it is too narrow to be seen.
function paintCursor(context: CanvasRenderingContext2D, {scene, layout, cursor}: Painting): void {
  if (cursor === undefined || cursor.right < 0 || cursor.left > scene.width) return;
  const {ink} = theme();
  const left = Math.max(cursor.left, -4), right = Math.min(Math.max(cursor.right, cursor.left + 2), scene.width + 4);
  const top = rowTop(layout, cursor.row) - 2;
  context.strokeStyle = context.fillStyle = ink;
  context.lineWidth = 2;
  context.strokeRect(left - 2, top, right - left + 4, layout.bar + 4);
  if (right - left > 8) return;
  const middle = (left + right) / 2;
  context.beginPath();
  context.moveTo(middle, top + 1);
  context.lineTo(middle - 6, top - 8);
  context.lineTo(middle + 6, top - 8);
  context.fill();
}

function paintArrows(context: CanvasRenderingContext2D, {scene, layout}: Painting): void {
  context.strokeStyle = context.fillStyle = theme().arrow;
  context.lineWidth = 1.25;
  for (const {x: at, from, to} of scene.arrows) {
    const down = to > from;
    // Draw arrows up and down at the same moment side by side.
    const x = at + (down ? 3 : -3);
    const begin = rowTop(layout, from) + (down ? layout.bar : 0);
    const end = rowTop(layout, to) + (down ? -1 : layout.bar + 1);
    const head = down ? -6 : 6;
    context.beginPath();
    context.moveTo(x, begin);
    context.lineTo(x, end + head / 2);
    context.stroke();
    context.beginPath();
    context.moveTo(x, end);
    context.lineTo(x - 4, end + head);
    context.lineTo(x + 4, end + head);
    context.fill();
  }
}

/// Draws the strip below the lanes: when the journal wrote, the number of changes in each commit if it fits, and the
/// averages of this view.
function paintCommits(context: CanvasRenderingContext2D, {scene, layout}: Painting): void {
  if (layout.commits === 0) return;
  const {disk, card, inkSoft} = theme();
  const height = layout.commits - 26;
  const top = lanesEnd(layout, scene.rows) + 18;
  context.fillStyle = disk;
  for (let at = 0; at < scene.committing.length; ++at) {
    const share = scene.committing[at]!;
    if (share === 0) continue;
    context.globalAlpha = 0.6 + 0.4 * Math.min(share, 1);
    context.fillRect(at, top, 1, height);
  }
  context.globalAlpha = 1;
  font(context, 10);
  context.textAlign = 'center';
  context.fillStyle = card;
  for (const {left, right, changes} of scene.commits) {
    const text = count(changes);
    if (right - left > context.measureText(text).width + 4) context.fillText(text, (left + right) / 2, top + height - 3);
  }
  const {commits, changes, took_ns} = scene.committed;
  if (commits === 0) return;
  context.fillStyle = inkSoft;
  font(context, 11);
  context.textAlign = 'right';
  const mean = changes / commits;
  const each = mean < 10 ? String(Math.round(mean * 10) / 10) : count(Math.round(mean));
  context.fillText(`${plural(commits, 'commit')}, ${each} ${mean === 1 ? 'change' : 'changes'} and ${duration(took_ns / commits)} each`,
    scene.width - 4, top - 4);
}

function paintQueue(context: CanvasRenderingContext2D, {scene, layout, height}: Painting): void {
  const {queue, queueLine, inkSoft} = theme();
  const bottom = height - 1;
  const top = height - layout.queue + 18;
  const topValue = Math.max(scene.queueMax, 2);
  const y = (length: number) => bottom - (bottom - top) * length / topValue;
  context.beginPath();
  context.moveTo(0, bottom);
  for (let at = 0; at < scene.width; ++at) {
    context.lineTo(at, y(scene.queue[at]!));
    context.lineTo(at + 1, y(scene.queue[at]!));
  }
  context.lineTo(scene.width, bottom);
  context.fillStyle = queue;
  context.fill();
  context.strokeStyle = queueLine;
  context.lineWidth = 1.25;
  context.stroke();
  context.fillStyle = inkSoft;
  font(context, 11);
  context.textAlign = 'right';
  if (scene.queueMax > 0) context.fillText(`longest: ${count(scene.queueMax)}`, scene.width - 4, top - 5);
}

function paintNames(context: CanvasRenderingContext2D, {scene, layout, height, names, colours, bold, focusedRow}: Painting): void {
  const {ink, inkSoft, grid, accent} = theme();
  const characters = Math.max(6, Math.floor((layout.gutter - 26) / 6.3));
  context.textAlign = 'left';
  context.strokeStyle = grid;
  context.lineWidth = 1;
  names.forEach((name, row) => {
    const top = rowTop(layout, row);
    const line = layout.axis + (row + 1) * layout.lane + 0.5;
    context.beginPath();
    context.moveTo(0, line);
    context.lineTo(layout.gutter + scene.width, line);
    context.stroke();
    context.fillStyle = colours[row]!;
    context.fillRect(2, top + layout.bar / 2 - 5, 10, 10);
    context.fillStyle = ink;
    font(context, 12, row === focusedRow || bold[row] ? '700' : '');
    context.fillText(shortened(name, characters), 18, top + layout.bar / 2 + 4, layout.gutter - 22);
    if (row === focusedRow) {
      context.fillStyle = accent;
      context.fillRect(0, top - 1, 2, layout.bar + 2);
    }
  });
  context.fillStyle = inkSoft;
  font(context, 11);
  if (layout.commits > 0) context.fillText('disk', 2, lanesEnd(layout, scene.rows) + 18 + (layout.commits - 26) / 2 + 4);
  context.fillText('queue length', 2, height - layout.queue / 2 + 8);
}
