// Chooses the sources that get a lane, and their order. A lane keeps its place while its source is in view.
import type {Model} from './model';
import type {Span} from './span';

export interface Activity {
  source: string;
  waiting_ns: number;  // the longest wait among requests that still wait at the end of the span
  waits: number; waited_ns: number; longest_wait_ns: number;
  holds: number; held_ns: number; longest_hold_ns: number;
}

/// The activity of every source, by name; waits and holds are clipped to the span.
export function activityIn(model: Model, span: Span): Map<string, Activity> {
  const {records} = model;
  const {names, source, asked, granted, ended} = records;
  const byNumber: (Activity | undefined)[] = [];
  const byName = new Map<string, Activity>();
  const of = (name: string): Activity => {
    let one = byName.get(name);
    if (one === undefined) {
      one = {source: name, waiting_ns: 0, waits: 0, waited_ns: 0, longest_wait_ns: 0, holds: 0, held_ns: 0, longest_hold_ns: 0};
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
  for (const request of model.open.values()) {
    if (request.asked_ns > span.to_ns) continue;
    const one = of(request.source);
    count(one, request.asked_ns, request.granted_ns, span.to_ns);
    if (request.granted_ns === null) one.waiting_ns = Math.max(one.waiting_ns, span.to_ns - request.asked_ns);
  }
  return byName;
}

export const laneOrders = ['arrival', 'wait', 'hold'] as const;
export type LaneOrder = typeof laneOrders[number];

/// The user's choice of lanes.
export class LaneChoice {
  pinned: string[] = [];
  filter = '';
  order: LaneOrder = 'arrival';

  pin(source: string): void {
    this.pinned = this.pinned.includes(source) ? this.pinned.filter(one => one !== source) : [...this.pinned, source];
  }

  matches(source: string): boolean {
    return this.filter === '' || source.toLowerCase().includes(this.filter.toLowerCase()) || this.pinned.includes(source);
  }
}

export class Lanes {
  /// Top first.
  shown: string[] = [];
  /// The number of sources in the last, shared lane, because of the limit or the filter.
  others = 0;

  /// Shows exactly these lanes, those of a shared link.
  keep(activity: Map<string, Activity>, lanes: readonly string[]): void {
    this.shown = [...lanes];
    this.others = [...activity.keys()].filter(source => !lanes.includes(source)).length;
  }

  update(activity: Map<string, Activity>, lanes_max: number, choice = new LaneChoice()): void {
    const weight = (source: string) => {
      const one = activity.get(source);
      return one === undefined ? 0 : one.held_ns + one.waited_ns + one.holds + one.waits;
    };
    const heavierFirst = (a: string, b: string) => weight(b) - weight(a) || (a < b ? -1 : 1);
    const wanted = new Set([...activity.keys()].filter(source => choice.matches(source)));
    const fixed = [...new Set([...(wanted.has('writer') ? ['writer'] : []), ...choice.pinned])].slice(0, lanes_max);
    let kept = this.shown.filter(source => wanted.has(source) && !fixed.includes(source));
    const room = lanes_max - fixed.length;
    // The source that waits longest always has a lane. If a source with a lane waits nearly as long, that one stays, so
    // that lanes do not flicker.
    const leading: string[] = [];
    for (const waits of [(one: Activity) => one.waiting_ns, (one: Activity) => one.waited_ns]) {
      const most = [...wanted].filter(source => waits(activity.get(source)!) > 0)
        .sort((a, b) => waits(activity.get(b)!) - waits(activity.get(a)!) || (a < b ? -1 : 1));
      const longest = most[0] === undefined ? 0 : waits(activity.get(most[0])!);
      const leader = most.find(source => (fixed.includes(source) || kept.includes(source)) && waits(activity.get(source)!) >= 0.8 * longest) ?? most[0];
      if (leader !== undefined && !fixed.includes(leader) && leading.length < room) leading.push(leader);
    }
    const candidates = [...wanted].filter(source => !kept.includes(source) && !fixed.includes(source)).sort(heavierFirst);
    kept.push(...leading.filter(source => !kept.includes(source)));
    for (const source of candidates) if (kept.length < room && !kept.includes(source)) kept.push(source);
    while (kept.length > room) {
      const least = kept.filter(source => !leading.includes(source)).sort(heavierFirst).at(-1) ?? kept.at(-1)!;
      kept = kept.filter(source => source !== least);
    }
    // A new source must have twice the weight of the smallest lane to replace it, which avoids flicker.
    for (const candidate of candidates) {
      if (kept.includes(candidate)) continue;
      const least = kept.filter(source => !leading.includes(source)).sort(heavierFirst).at(-1);
      if (least === undefined || weight(candidate) <= 2 * weight(least)) break;
      kept[kept.indexOf(least)] = candidate;
    }
    this.shown = [...fixed, ...kept];
    if (choice.order !== 'arrival') {
      const by = (source: string) => {
        const one = activity.get(source);
        return one === undefined ? 0 : choice.order === 'wait' ? one.waited_ns : one.held_ns;
      };
      this.shown.sort((a, b) => Number(choice.pinned.includes(b)) - Number(choice.pinned.includes(a)) || by(b) - by(a) || (a < b ? -1 : 1));
    }
    this.others = [...activity.keys()].filter(source => !this.shown.includes(source)).length;
  }
}
