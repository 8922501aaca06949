// The figures beside the timeline: who holds and waits now, who causes the waits, and percentiles.
import {h, LiveTable, setText, type Row} from './dom';
import {count, duration, percent, shown, shortened} from './format';
import type {Histogram} from './histogram';
import type {Model} from './model';
import type {Total, Totals} from './totals';
import {what} from './story';

class Tile {
  private readonly value = h('span', {class: 'value'}, '–');
  private readonly detail = h('span', {class: 'detail'});
  readonly element: HTMLElement;

  constructor(name: string, id: string) {
    this.element = h('div', {class: 'tile', id}, h('span', {class: 'name'}, name), this.value, this.detail);
  }

  show(value: string, detail: string, bad = false): void {
    setText(this.value, value);
    setText(this.detail, detail);
    this.element.classList.toggle('bad', bad);
  }
}

const longHold_ns = 1e9;  // longer holds are shown as a warning

/// The current state.
export class NowTiles {
  private readonly hold = new Tile('Lock', 'hold-now');
  private readonly wait = new Tile('Longest wait now', 'wait-now');
  private readonly queue = new Tile('Waiting now', 'queue-now');
  private readonly rate = new Tile('Requests per second', 'rate');
  private readonly requests = new Tile('Requests', 'requests');
  private readonly dropped = new Tile('Dropped messages', 'dropped');
  private readonly warning = h('p', {class: 'unseen', role: 'alert', id: 'warning'});
  readonly element = h('div', {class: 'tiles'},
    ...[this.hold, this.wait, this.queue, this.rate, this.requests, this.dropped].map(tile => tile.element), this.warning);
  private warnedOf: number | undefined;

  update(model: Model, now_ns: number): void {
    this.element.classList.toggle('stale', model.frozen);
    this.requests.show(count(model.requests), 'finished, history included');
    this.dropped.show(count(model.dropped), model.dropped === 0 ? 'this page has every message' : 'the server was faster than this page', model.dropped > 0);
    const describe = (one: {source: string; operation: string; key: string}) => `${shown(one.source)}, ${shortened(what(one), 40)}`;
    const owner = model.owner();
    const queue = model.queue();
    const first = queue[0];
    if (model.frozen) {
      this.hold.show('unknown', owner === undefined ? 'free at the last message' : `at the last message: ${describe(owner)}`);
      this.wait.show('unknown', first === undefined ? 'nobody waited at the last message' : `at the last message: ${describe(first)}`);
      this.queue.show('unknown', `at the last message: ${count(queue.length)}`);
      this.rate.show('unknown', 'no connection');
      return;
    }
    const held_ns = owner === undefined ? 0 : Math.max(0, now_ns - owner.granted_ns!);
    if (owner === undefined) this.hold.show('free', 'nobody holds it');
    else if (held_ns > longHold_ns) this.hold.show(`⚠ held ${duration(held_ns)}`, `longer than a second: ${describe(owner)}`, true);
    else this.hold.show(`held ${duration(held_ns)}`, describe(owner));
    this.warn(held_ns > longHold_ns ? owner : undefined);
    if (first === undefined) this.wait.show('none', 'nobody waits');
    else this.wait.show(duration(Math.max(0, now_ns - first.asked_ns)), describe(first));
    this.queue.show(count(queue.length), first === undefined ? 'in the queue' : `next: ${shown(first.source)}`);
    const {rate} = model.seconds;
    if (rate === undefined) this.rate.show('unknown', 'not measured yet');
    else this.rate.show(rate < 100 ? rate.toFixed(1) : count(rate), model.dropped === 0 ? 'in the last seconds' : 'at least; messages were dropped');
  }

  /// Announces a long hold once, for screen readers.
  private warn(owner: {id: number; source: string; operation: string; key: string} | undefined): void {
    if (owner?.id === this.warnedOf) return;
    this.warnedOf = owner?.id;
    setText(this.warning, owner === undefined ? '' : `Warning: ${shown(owner.source)} has held the lock for more than a second.`);
  }
}

/// Who made others wait, and for how long in total.
export class BlameTables {
  private readonly sources = blameTable('source');
  private readonly operations = blameTable('operation');
  private readonly keys = blameTable('key');
  readonly element = h('div', {class: 'pair'}, this.sources.element, this.operations.element, this.keys.element);

  constructor(private readonly colourOf: (source: string) => string) {
    this.sources.element.id = 'blame-sources';
    this.operations.element.id = 'blame-operations';
    this.keys.element.id = 'blame-keys';
  }

  update(model: Model): void {
    this.sources.update(this.rows(model.blamedSources, name => this.colourOf(name)));
    this.operations.update(this.rows(model.blamedOperations, () => undefined));
    this.keys.update(this.rows(model.blamedKeys, () => undefined));
  }

  private rows(totals: Totals, colour: (name: string) => string | undefined): Row[] {
    const {named, rest} = totals.top(8);
    const cells = (total: Total, name: string) => [name, duration(total.held_ns), percent(total.held_ns / Math.max(1, totals.sum_ns)),
      count(total.waits), total.longest_ns > 0 ? duration(total.longest_ns) : '–'];
    const rows = named.map((total): Row => {
      const given = colour(total.name);
      return {key: `of ${total.name}`, cells: cells(total, shortened(total.name, 60)), ...(given === undefined ? {} : {colour: given})};
    });
    if (rest !== undefined) rows.push({key: 'rest', cells: cells(rest, 'all others')});
    return rows;
  }
}

function blameTable(by: string): LiveTable {
  return new LiveTable(`Time that others waited, by ${by}`, [by, 'others waited', 'share', 'waits', 'longest'], 'Nobody has waited yet.');
}

/// Percentiles of all requests received by the page.
export class PercentileTable {
  private readonly table = new LiveTable('Percentiles of waits and holds', ['', 'count', 'p50', 'p90', 'p99', 'p99.9', 'longest'], '');
  readonly element = this.table.element;

  constructor() { this.element.id = 'percentiles'; }

  update(model: Model): void {
    const row = (name: string, of: Histogram): Row => ({key: name, cells: [name, count(of.count),
      ...[0.5, 0.9, 0.99, 0.999].map(share => duration(of.quantile(share))), of.count === 0 ? '–' : duration(of.max)]});
    this.table.update([row('wait', model.waits), row('hold', model.holds)]);
  }
}
