// The finished requests in the order in which they ended: a ring buffer of columns, so that a frame reads 100,000 of
// them in a millisecond and memory is bounded.
import {Names} from './names';
import type {Behind, Done, Outcome} from './wire';

export const outcomes: readonly Outcome[] = ['released', 'cancelled', 'timed_out', 'hung_up', 'refused'];

/// One unpacked record.
export interface Request {
  id: number;
  source: string;
  request_id: string | null;
  operation: string;
  key: string;
  position: number;
  asked_ns: number;
  granted_ns: number | null;
  ended_ns: number;
  outcome: Outcome;
  behind: Behind[];
  behind_others: {count: number; held_ns: number};
}

const fieldsOfBehind = 5;

export class Records {
  readonly names = new Names();
  readonly id: Float64Array;
  readonly source: Uint32Array;   // index into `names`
  readonly asked: Float64Array;
  readonly granted: Float64Array; // NaN if never granted
  readonly ended: Float64Array;
  private readonly operation: Uint32Array;
  private readonly key: Uint32Array;
  private readonly position: Uint32Array;
  private readonly outcome: Uint8Array;
  private readonly requestId: (string | null)[];
  private readonly behind: (number[] | undefined)[];  // flat: id, source, operation, key, held_ns; then count, held_ns of the others
  private readonly mask: number;

  /// Records are numbered in order; those in [first, next) are kept.
  first = 0;
  next = 0;
  /// Records from this one on must not be replaced by newer ones, because they are in a paused view.
  keepFrom = Infinity;

  /// @param capacity a power of two
  constructor(readonly capacity: number, private readonly characters_max = 16e6) {
    this.mask = capacity - 1;
    this.id = new Float64Array(capacity);
    this.asked = new Float64Array(capacity);
    this.granted = new Float64Array(capacity);
    this.ended = new Float64Array(capacity);
    this.source = new Uint32Array(capacity);
    this.operation = new Uint32Array(capacity);
    this.key = new Uint32Array(capacity);
    this.position = new Uint32Array(capacity);
    this.outcome = new Uint8Array(capacity);
    this.requestId = new Array<string | null>(capacity).fill(null);
    this.behind = new Array<number[] | undefined>(capacity).fill(undefined);
  }

  slot(record: number): number { return record & this.mask; }

  /// @return false if it was not kept, because all space is used by records that must be kept
  add(done: Done): boolean {
    while (this.next - this.first >= this.capacity || this.names.characters > this.characters_max) {
      if (this.first >= this.keepFrom) return false;
      if (this.first === this.next) break;
      this.forgetFirst();
    }
    const at = this.slot(this.next);
    this.id[at] = done.id;
    this.source[at] = this.names.take(done.source);
    this.operation[at] = this.names.take(done.operation);
    this.key[at] = this.names.take(done.key);
    this.position[at] = done.position;
    this.asked[at] = done.asked_ns;
    this.granted[at] = done.granted_ns ?? NaN;
    this.ended[at] = done.ended_ns;
    this.outcome[at] = Math.max(0, outcomes.indexOf(done.outcome));
    this.requestId[at] = done.request_id ?? null;
    this.behind[at] = this.pack(done);
    ++this.next;
    return true;
  }

  positionOf(record: number): number { return this.position[this.slot(record)]!; }

  get(record: number): Request {
    const at = this.slot(record);
    const packed = this.behind[at] ?? [0, 0];
    const behind: Behind[] = [];
    for (let field = 0; field + fieldsOfBehind < packed.length; field += fieldsOfBehind) {
      const [id, source, operation, key, held_ns] = packed.slice(field, field + fieldsOfBehind) as [number, number, number, number, number];
      behind.push({id, source: this.names.text(source), operation: this.names.text(operation), key: this.names.text(key), held_ns});
    }
    const granted = this.granted[at]!;
    return {
      id: this.id[at]!, source: this.names.text(this.source[at]!), request_id: this.requestId[at] ?? null,
      operation: this.names.text(this.operation[at]!), key: this.names.text(this.key[at]!), position: this.position[at]!,
      asked_ns: this.asked[at]!, granted_ns: Number.isNaN(granted) ? null : granted, ended_ns: this.ended[at]!,
      outcome: outcomes[this.outcome[at]!]!, behind,
      behind_others: {count: packed.at(-2)!, held_ns: packed.at(-1)!},
    };
  }

  /// Searches the newest first, since most searches are for recent requests.
  find(id: number): number | undefined {
    for (let record = this.next - 1; record >= this.first; --record) if (this.id[this.slot(record)] === id) return record;
    return undefined;
  }

  findRequestId(id: string): number | undefined {
    for (let record = this.next - 1; record >= this.first; --record) if (this.requestId[this.slot(record)] === id) return record;
    return undefined;
  }

  /// A record before all that ended at `time_ns` or later. Threads report slightly out of order.
  firstEndedFrom(time_ns: number): number {
    let low = this.first, high = this.next;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.ended[this.slot(middle)]! < time_ns) low = middle + 1; else high = middle;
    }
    return Math.max(this.first, low - 256);
  }

  clear(): void {
    while (this.first < this.next) this.forgetFirst();
    this.first = this.next = 0;
    this.keepFrom = Infinity;
  }

  private pack(done: Done): number[] | undefined {
    const others = done.behind_others;
    if (!done.behind?.length && !others?.count) return undefined;
    const packed: number[] = [];
    for (const one of done.behind ?? []) {
      packed.push(one.id, this.names.take(one.source), this.names.take(one.operation), this.names.take(one.key), one.held_ns);
    }
    packed.push(others?.count ?? 0, others?.held_ns ?? 0);
    return packed;
  }

  private forgetFirst(): void {
    const at = this.slot(this.first++);
    this.names.giveBack(this.source[at]!);
    this.names.giveBack(this.operation[at]!);
    this.names.giveBack(this.key[at]!);
    const packed = this.behind[at];
    if (packed === undefined) return;
    for (let field = 0; field + fieldsOfBehind < packed.length; field += fieldsOfBehind) {
      for (let name = 1; name <= 3; ++name) this.names.giveBack(packed[field + name]!);
    }
    this.behind[at] = undefined;
  }
}
