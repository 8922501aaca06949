// The figures beside the timeline: who holds and waits now, who is to blame, and how long things take.
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

/// What is true at this moment.
export class NowTiles {
  private readonly hold = new Tile('longest hold now', 'hold-now');
  private readonly wait = new Tile('longest wait now', 'wait-now');
  private readonly queue = new Tile('waiting now', 'queue-now');
  private readonly requests = new Tile('requests', 'requests');
  private readonly dropped = new Tile('dropped messages', 'dropped');
  readonly element = h('div', {class: 'tiles'},
    ...[this.hold, this.wait, this.queue, this.requests, this.dropped].map(tile => tile.element));

  update(model: Model, now_ns: number): void {
    const owner = model.owner();
    const describe = (one: {source: string; operation: string; key: string}) => `${shown(one.source)}, ${shortened(what(one), 40)}`;
    if (owner === undefined) this.hold.show('free', 'nobody keeps the lock');
    else this.hold.show(duration(Math.max(0, now_ns - owner.granted_ns!)), describe(owner));
    const queue = model.queue();
    const first = queue[0];
    if (first === undefined) this.wait.show('none', 'nobody waits');
    else this.wait.show(duration(Math.max(0, now_ns - first.asked_ns)), describe(first));
    this.queue.show(count(queue.length), queue.length === 0 ? 'in the queue' : `next: ${shown(first!.source)}`);
    this.requests.show(count(model.requests), 'finished since this page began to watch');
    this.dropped.show(count(model.dropped), model.dropped === 0 ? 'nothing is missing here' : 'the server was faster than this page', model.dropped > 0);
  }
}

/// Who made others wait, how much in all.
export class BlameTables {
  private readonly sources = new LiveTable('Time that others waited, by source',
    ['source', 'others waited', 'share', 'waits', 'longest'], 'Nobody has waited yet.');
  private readonly operations = new LiveTable('Time that others waited, by operation',
    ['operation', 'others waited', 'share', 'waits', 'longest'], 'Nobody has waited yet.');
  readonly element = h('div', {class: 'pair'}, this.sources.element, this.operations.element);

  constructor(private readonly colourOf: (source: string) => string) {
    this.sources.element.id = 'blame-sources';
    this.operations.element.id = 'blame-operations';
  }

  update(model: Model): void {
    this.sources.update(this.rows(model.blamedSources, name => this.colourOf(name)));
    this.operations.update(this.rows(model.blamedOperations, () => undefined));
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

/// Percentiles of all requests that the page has seen.
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
