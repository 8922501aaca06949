// The timeline as tables: the lanes in view, and the most important requests in view.
import {h, LiveTable, type Row} from './dom';
import {count, duration, moment, shortened} from './format';
import {activityIn, type Activity} from './lanes';
import type {Model, OpenRequest} from './model';
import type {Subject} from './scene';
import type {Span} from './span';
import {what} from './story';

const rows_max = 50;

interface Candidate { weight: number; asked_ns: number; subject: Subject }

/// The `rows_max` requests in view with the longest waits and holds, in order of arrival.
export function weightiest(model: Model, span: Span): Candidate[] {
  const {records} = model;
  let kept: Candidate[] = [];
  let least = -1;
  const offer = (weight: number, asked_ns: number, subject: () => Subject) => {
    if (weight <= least) return;
    kept.push({weight, asked_ns, subject: subject()});
    if (kept.length < 4 * rows_max) return;
    kept = kept.sort((a, b) => b.weight - a.weight).slice(0, rows_max);
    least = kept.at(-1)!.weight;
  };
  for (let record = records.firstEndedFrom(span.from_ns); record < records.next; ++record) {
    const at = records.slot(record);
    const asked_ns = records.asked[at]!, ended_ns = records.ended[at]!;
    if (ended_ns < span.from_ns || asked_ns > span.to_ns) continue;
    offer(ended_ns - asked_ns, asked_ns, () => ({kind: 'record', record}));
  }
  for (const request of model.open.values())
    if (request.asked_ns <= span.to_ns) offer(span.to_ns - request.asked_ns, request.asked_ns, () => ({kind: 'open', request}));
  return kept.sort((a, b) => b.weight - a.weight).slice(0, rows_max).sort((a, b) => a.asked_ns - b.asked_ns);
}

const outcomeTexts = {released: 'released', cancelled: 'cancelled', timed_out: 'timed out', hung_up: 'disconnected', refused: 'refused'};
const idle: Omit<Activity, 'source'> = {waiting_ns: 0, waits: 0, waited_ns: 0, longest_wait_ns: 0, holds: 0, held_ns: 0, longest_hold_ns: 0};

export class Mirror {
  private readonly lanes = new LiveTable('The lanes in view',
    ['source', 'now', 'holds', 'held in all', 'longest hold', 'waits', 'waited in all', 'longest wait'], 'No request for the lock in this time.');
  private readonly requests = new LiveTable('Requests in view',
    ['request', 'source', 'operation', 'asked at', 'waited', 'held', 'end'], 'No request in this time.');
  readonly lanesElement = this.lanes.element;
  readonly requestsElement = this.requests.element;

  constructor(private readonly colourOf: (source: string) => string, private readonly choose: (subject: Subject) => void,
    private readonly pin: (source: string) => void) {
    this.lanesElement.id = 'lanes';
    this.requestsElement.id = 'requests-in-view';
  }

  /// @param order of the lanes as displayed  @param now_ns the server's time
  update(model: Model, span: Span, order: string[], pinned: string[], now_ns: number): void {
    const activity = activityIn(model, span);
    const owner = model.owner();
    const waiting = new Map<string, OpenRequest>();
    for (const one of model.queue()) if (!waiting.has(one.source)) waiting.set(one.source, one);
    const state = (source: string) => {
      if (model.frozen) return 'unknown';
      if (owner?.source === source) return `holds, ${duration(now_ns - owner.granted_ns!)}`;
      const wait = waiting.get(source);
      return wait === undefined ? '–' : `waits, ${duration(now_ns - wait.asked_ns)}`;
    };
    this.lanes.update(order.map((source): Row => {
      const one = activity.get(source) ?? idle;
      return {key: source, data: {source}, colour: this.colourOf(source), press: () => this.pin(source), pressed: pinned.includes(source),
        cells: [shortened(source, 60), state(source),
          count(one.holds), duration(one.held_ns), one.holds === 0 ? '–' : duration(one.longest_hold_ns),
          count(one.waits), duration(one.waited_ns), one.waits === 0 ? '–' : duration(one.longest_wait_ns)]};
    }));
    this.requests.update(weightiest(model, span).map(({subject}) => this.row(model, subject, now_ns)));
  }

  private row(model: Model, subject: Subject, now_ns: number): Row {
    const one = subject.kind === 'record' ? model.records.get(subject.record) : subject.request;
    const ended_ns = 'ended_ns' in one ? one.ended_ns : null;
    const waited_ns = (one.granted_ns ?? ended_ns ?? now_ns) - one.asked_ns;
    const held_ns = one.granted_ns === null ? null : (ended_ns ?? now_ns) - one.granted_ns;
    const open = model.frozen ? ['waited at the last message', 'held it at the last message'] : ['waits', 'holds'];
    const end = 'outcome' in one ? outcomeTexts[one.outcome] : open[one.granted_ns === null ? 0 : 1]!;
    return {
      key: String(one.id), press: () => this.choose(subject), colour: this.colourOf(one.source),
      data: {id: String(one.id), source: one.source, key: one.key, asked_ns: String(one.asked_ns), granted_ns: String(one.granted_ns ?? ''),
        ended_ns: String(ended_ns ?? '')},
      cells: [`no. ${one.id}`, shortened(one.source, 48), shortened(what(one), 48), moment(one.asked_ns), duration(waited_ns),
        held_ns === null ? '–' : duration(held_ns), end],
    };
  }
}

/// The two tables with their headings.
export function mirrorSections(mirror: Mirror): HTMLElement[] {
  return [
    h('section', {}, h('h2', {}, 'Lanes in view'),
      h('p', {class: 'note'}, 'Select a source to pin its lane: a pinned lane stays in view.'), mirror.lanesElement),
    h('section', {}, h('h2', {}, 'Requests in view'),
      h('p', {class: 'note'}, `The ${rows_max} requests that waited and held longest, in order of arrival. Select one to read what happened ` +
        'to it. To find a request by its Holdfast-Request-Id, put the id after # in the address of this page.'), mirror.requestsElement),
  ];
}
