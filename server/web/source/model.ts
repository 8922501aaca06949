// The page's copy of the lock's events, in bounded memory. Independent of the DOM and the canvas.
import {Commits} from './commits';
import {Histogram} from './histogram';
import {Records} from './records';
import {Seconds} from './seconds';
import {ServerClock} from './server_clock';
import {Totals} from './totals';
import type {Asked, Asker, Done, Granted, LockEvent, LockState, Settings} from './wire';

/// A request that waits or holds.
export interface OpenRequest {
  id: number;
  source: string;
  request_id: string | null;
  operation: string;
  key: string;
  position: number;
  asked_ns: number;
  granted_ns: number | null;  // null while it waits
  hold_ns: number | null;     // intended duration of the hold, if known
}

/// A time range with unknown events.
export interface Gap { from_ns: number; to_ns: number; count: number; cause: 'dropped' | 'paused' }

const open_max = 20_000;
const gaps_max = 200;

export class Model {
  readonly records: Records;
  readonly open = new Map<number, OpenRequest>();
  readonly clock = new ServerClock();
  readonly blamedSources = new Totals(1000);
  readonly blamedOperations = new Totals(100);
  readonly blamedKeys = new Totals(1000);
  readonly waits = new Histogram();
  readonly holds = new Histogram();
  readonly seconds = new Seconds(300);
  readonly gaps: Gap[] = [];
  readonly commits = new Commits();
  start: string | undefined;  // identifies the server's process
  started_at = '';
  settings: Settings | undefined;
  requests = 0;
  dropped = 0;
  /// After a loss, open requests may be wrong until reconcile() is called.
  doubtful = false;
  /// When the last message arrived, by the page's clock.
  heard_ms = -Infinity;
  /// The connection is lost or the server is silent: time stops at the last message, and the current state is unknown.
  frozen = false;
  private latest_ns = 0;
  private hello_ns = 0;
  private caughtUp = false;
  private reconciled = false;

  constructor(capacity = 131_072) { this.records = new Records(capacity); }

  /// @param now_ms time of arrival by the page's monotonic clock
  apply(event: LockEvent, now_ms: number): void {
    this.heard_ms = now_ms;
    switch (event.type) {
      case 'hello':
        if (event.start !== this.start) this.reset(event.start);
        this.started_at = event.started_at;
        this.settings = event.settings;
        this.hear(event.now_ns, now_ms);
        this.hello_ns = event.now_ns;
        this.caughtUp = this.reconciled = false;
        break;
      case 'heartbeat': this.hear(event.now_ns, now_ms); break;
      case 'settings': this.settings = event.settings; break;
      case 'asked': this.hear(event.asked_ns, now_ms); this.ask(event); break;
      case 'granted': this.hear(event.granted_ns, now_ms); this.grant(event); break;
      case 'done': this.hear(event.ended_ns, now_ms); this.finish(event); break;
      case 'dropped': this.lose(event.count); break;
      case 'commits': for (const [began_ns, ended_ns, changes] of event.commits) this.commits.add(began_ns, ended_ns, changes); break;
      default: break;  // a type from a newer server
    }
  }

  /// Corrects the open requests from the answer to GET /v1/lock.
  reconcile(state: LockState): void {
    const listed = new Set(state.queue.map(one => one.id));
    if (state.owner !== null) listed.add(state.owner.id);
    if (state.queue.length >= state.queue_length) {
      for (const [id, one] of this.open) if (one.asked_ns < state.now_ns && !listed.has(id)) this.open.delete(id);
    }
    const {owner} = state;
    if (owner !== null && this.records.find(owner.id) === undefined) {
      const known = this.open.get(owner.id);
      this.keepOpen(owner, known?.position ?? 0, owner.asked_ns ?? known?.asked_ns ?? owner.granted_ns, owner.granted_ns,
        owner.hold_ns ?? known?.hold_ns ?? null);
    }
    state.queue.forEach((one, index) => {
      if (!this.open.has(one.id) && this.records.find(one.id) === undefined) this.keepOpen(one, index + 1, one.asked_ns, null, null);
    });
    this.doubtful = false;
    this.reconciled = true;
  }

  now_ns(now_ms: number): number { return this.frozen ? this.latest_ns : this.clock.now_ns(now_ms); }

  /// True if the page has all that the server keeps: a request that is not here is unknown to the server too.
  get complete(): boolean { return this.caughtUp && this.reconciled; }

  owner(): OpenRequest | undefined {
    let newest: OpenRequest | undefined;
    for (const one of this.open.values()) {
      if (one.granted_ns !== null && (newest === undefined || one.granted_ns > newest.granted_ns!)) newest = one;
    }
    return newest;
  }

  /// The waiting requests in order of arrival.
  queue(): OpenRequest[] {
    return [...this.open.values()].filter(one => one.granted_ns === null).sort((a, b) => a.asked_ns - b.asked_ns);
  }

  reset(start: string | undefined): void {
    this.start = start;
    this.clock.reset();
    this.latest_ns = 0;
    this.commits.clear();
    this.clearHistory();
    this.open.clear();
  }

  /// Resets the totals; requests that wait or hold stay.
  clearHistory(): void {
    this.records.clear();
    for (const one of [this.blamedSources, this.blamedOperations, this.blamedKeys, this.waits, this.holds, this.seconds]) one.clear();
    this.gaps.length = 0;
    this.requests = this.dropped = 0;
  }

  private hear(server_ns: number, now_ms: number): void {
    this.clock.heard(server_ns, now_ms);
    this.latest_ns = Math.max(this.latest_ns, server_ns);
    if (server_ns > this.hello_ns) this.caughtUp = true;
  }

  private ask(event: Asked): void {
    if (!this.open.has(event.id)) this.keepOpen(event, event.position, event.asked_ns, null, null);
  }

  private grant(event: Granted): void {
    this.keepOpen(event, event.position, event.asked_ns, event.granted_ns, event.hold_ns);
  }

  private keepOpen(who: Asker, position: number, asked_ns: number, granted_ns: number | null, hold_ns: number | null): void {
    if (this.open.size >= open_max) this.open.delete(this.open.keys().next().value!);
    this.open.set(who.id, {id: who.id, source: who.source, request_id: who.request_id ?? null, operation: who.operation,
      key: who.key, position, asked_ns, granted_ns, hold_ns});
  }

  private finish(event: Done): void {
    this.open.delete(event.id);
    ++this.requests;
    const held_ns = event.granted_ns === null ? null : event.ended_ns - event.granted_ns;
    const waited_ns = (event.granted_ns ?? event.ended_ns) - event.asked_ns;
    this.waits.add(waited_ns);
    if (held_ns !== null) this.holds.add(held_ns);
    this.seconds.add(event.ended_ns, waited_ns, held_ns);
    for (const one of event.behind ?? []) {
      this.blamedSources.add(one.source, one.held_ns);
      // `LIST users/` and `TXN 3 keys` count as LIST and TXN.
      this.blamedOperations.add(one.operation.split(' ', 1)[0]!, one.held_ns);
      this.blamedKeys.add(one.key, one.held_ns);
    }
    const others = event.behind_others;
    if (others !== undefined && others.count > 0) {
      for (const totals of [this.blamedSources, this.blamedOperations, this.blamedKeys]) totals.addNameless(others.held_ns, others.count);
    }
    if (!this.records.add(event)) this.addGap({from_ns: event.asked_ns, to_ns: event.ended_ns, count: 1, cause: 'paused'});
  }

  private lose(count: number): void {
    this.dropped += count;
    this.doubtful = true;
    this.addGap({from_ns: this.latest_ns, to_ns: this.latest_ns, count, cause: 'dropped'});
  }

  private addGap(gap: Gap): void {
    const last = this.gaps.at(-1);
    // Gaps within a tenth of a second are shown as one.
    if (last !== undefined && last.cause === gap.cause && gap.from_ns <= last.to_ns + 100e6) {
      last.to_ns = Math.max(last.to_ns, gap.to_ns);
      last.count += gap.count;
      return;
    }
    this.gaps.push(gap);
    if (this.gaps.length > gaps_max) this.gaps.shift();
  }
}
