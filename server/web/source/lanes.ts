// Which sources get a lane of their own, and in which order. A lane keeps its place while its source is in view.
import type {Model} from './model';
import type {Span} from './span';

export interface Activity {
  source: string;
  waits: number; waited_ns: number; longest_wait_ns: number;
  holds: number; held_ns: number; longest_hold_ns: number;
}

/// What every source did within the span, counted as far as it lies within. By name.
export function activityIn(model: Model, span: Span): Map<string, Activity> {
  const {records} = model;
  const {names, source, asked, granted, ended} = records;
  const byNumber: (Activity | undefined)[] = [];
  const byName = new Map<string, Activity>();
  const of = (name: string): Activity => {
    let one = byName.get(name);
    if (one === undefined) {
      one = {source: name, waits: 0, waited_ns: 0, longest_wait_ns: 0, holds: 0, held_ns: 0, longest_hold_ns: 0};
      byName.set(name, one);
    }
    return one;
  };
  const count = (one: Activity, asked_ns: number, granted_ns: number | null, ended_ns: number) => {
    const within = (from: number, to: number) => Math.max(0, Math.min(to, span.to_ns) - Math.max(from, span.from_ns));
    const waited_ns = (granted_ns ?? ended_ns) - asked_ns;
    if (waited_ns > 0 && (granted_ns ?? ended_ns) >= span.from_ns) {
      ++one.waits;
      one.waited_ns += within(asked_ns, granted_ns ?? ended_ns);
      one.longest_wait_ns = Math.max(one.longest_wait_ns, waited_ns);
    }
    if (granted_ns !== null && granted_ns <= span.to_ns) {
      ++one.holds;
      one.held_ns += within(granted_ns, ended_ns);
      one.longest_hold_ns = Math.max(one.longest_hold_ns, ended_ns - granted_ns);
    }
  };
  for (let record = records.firstEndedFrom(span.from_ns); record < records.next; ++record) {
    const at = records.slot(record);
    if (ended[at]! < span.from_ns || asked[at]! > span.to_ns) continue;
    const number = source[at]!;
    const one = byNumber[number] ??= of(names.text(number));
    const granted_ns = granted[at]!;
    count(one, asked[at]!, granted_ns === granted_ns ? granted_ns : null, ended[at]!);
  }
  for (const request of model.open.values())
    if (request.asked_ns <= span.to_ns) count(of(request.source), request.asked_ns, request.granted_ns, span.to_ns);
  return byName;
}

export class Lanes {
  /// Top first.
  shown: string[] = [];
  /// How many sources share the last lane because there is no room for them.
  others = 0;

  update(activity: Map<string, Activity>, lanes_max: number): void {
    const weight = (source: string) => {
      const one = activity.get(source);
      return one === undefined ? 0 : one.held_ns + one.waited_ns + one.holds + one.waits;
    };
    this.shown = this.shown.filter(source => activity.has(source));
    const candidates = [...activity.keys()].filter(source => !this.shown.includes(source)).sort((a, b) => weight(b) - weight(a));
    while (this.shown.length < lanes_max && candidates.length > 0) this.shown.push(candidates.shift()!);
    if (this.shown.length > lanes_max) this.shown.length = lanes_max;
    // A newcomer must matter twice as much as the least lane to take its place: lanes don't flicker.
    for (const candidate of candidates) {
      const least = this.shown.reduce((a, b) => weight(b) < weight(a) ? b : a, this.shown[0] ?? '');
      if (weight(candidate) <= 2 * weight(least)) break;
      this.shown[this.shown.indexOf(least)] = candidate;
    }
    const writer = this.shown.indexOf('writer');
    if (writer > 0) this.shown.unshift(...this.shown.splice(writer, 1));
    this.others = activity.size - this.shown.length;
  }
}
