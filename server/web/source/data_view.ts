// The data view: a live list of the keys below a prefix, and an editor for one of them.
import {list, Watch} from './data_client';
import {DataModel, inOrder, type Change, type Entry} from './data_model';
import {h, LiveTable, setText, type Row} from './dom';
import {Editor} from './editor';
import type {StreamState} from './event_stream';
import {count, shortened, shown} from './format';

const tick_ms = 500;
const relist_ms = 1000;  // the shortest interval between lists
const silence_max_ms = 12_000;  // the watch reports its progress every five seconds

/// The `#` part of an address that shows the keys below this prefix.
export function dataFragment(prefix: string): string { return prefix === '' ? '#data' : `#data=${encodeURIComponent(prefix)}`; }

/// @return undefined if the fragment is not of the data view
export function prefixOf(fragment: string): string | undefined {
  const found = /^#data(?:=(.*))?$/s.exec(fragment);
  if (found === null) return undefined;
  try {
    return decodeURIComponent(found[1] ?? '');
  } catch {
    return '';
  }
}

function secondsLeft(entry: Entry, now_ms: number): string {
  if (entry.expires_ms === undefined) return 'never';
  const left_s = Math.max(0, (entry.expires_ms - now_ms) / 1000);
  if (left_s < 120) return `${Math.ceil(left_s)} s`;
  return left_s < 7200 ? `${Math.round(left_s / 60)} min` : left_s < 172_800 ? `${Math.round(left_s / 3600)} h` : `${count(left_s / 86_400)} days`;
}

export class DataView {
  private readonly model = new DataModel();
  private readonly table = new LiveTable('Keys', ['key', 'value', 'revision', 'expires in', 'bytes'], 'There is no key here.');
  private readonly path = h('nav', {class: 'path', 'aria-label': 'Prefix'});
  private readonly prefix = h('input', {type: 'text', id: 'prefix', autocomplete: 'off', spellcheck: 'false', placeholder: 'users/'});
  private readonly state = h('span', {id: 'data-state', role: 'status'});
  private readonly news = h('span', {id: 'data-news'});
  private readonly more = h('button', {type: 'button', class: 'small', id: 'more-keys', hidden: true, click: () => void this.load(false)}, 'More keys');
  private readonly create = h('button', {type: 'button', class: 'small', id: 'new-key', click: () => this.editor.create(this.model.prefix)}, 'New key');
  private readonly editor = new Editor();
  readonly element = h('div', {id: 'data-view', hidden: true},
    h('section', {}, h('h2', {}, 'Keys'),
      h('p', {class: 'note'}, 'All keys below a prefix, as they are now: changes appear by themselves. Select a key to read or change its value. ' +
        'Keys that share a part up to the next / are shown as one line.'),
      h('form', {class: 'group', submit: event => this.goTo(event)},
        h('label', {for: 'prefix'}, 'Prefix'), this.prefix, h('button', {type: 'submit', class: 'small'}, 'Show'), this.create),
      this.path, h('p', {class: 'note'}, this.state, this.news), this.table.element, this.more),
    this.editor.element);
  private watch: Watch | undefined;
  private connection: StreamState = {kind: 'stopped'};
  private heard_ms = -Infinity;
  private ticking = 0;
  private loading: Promise<void> | undefined;
  private listed_ms = -Infinity;
  private problem = '';
  private isListed = false;

  constructor() { this.table.element.id = 'keys'; }

  /// @param prefix undefined when the view is hidden; it then sends no requests
  show(prefix: string | undefined): void {
    if (prefix !== undefined && this.watch !== undefined && prefix === this.model.prefix) return;
    this.element.hidden = prefix === undefined;
    this.watch?.close();
    this.watch = undefined;
    clearInterval(this.ticking);
    if (prefix === undefined) return;
    this.model.begin(prefix);
    this.prefix.value = prefix;
    this.showPath(prefix);
    this.problem = '';
    this.heard_ms = -Infinity;
    this.connection = {kind: 'connecting'};
    this.listed_ms = -Infinity;
    this.isListed = false;
    this.follow(prefix);
    // Show a list before the watch has begun; once it has, the list is requested again, so that no change is missed.
    void this.load(true);
    this.ticking = window.setInterval(() => this.tick(), tick_ms);
    this.draw();
  }

  private follow(prefix: string): void {
    const watch: Watch = this.watch = new Watch(prefix, {
      opened: () => { if (watch === this.watch) void this.load(true); },
      heard: () => { this.heard_ms = performance.now(); },
      state: state => {
        if (watch !== this.watch) return;
        this.connection = state;
        if (state.kind === 'live') this.heard_ms = performance.now();
        this.draw();
      },
      change: change => { if (watch === this.watch) this.change(change); },
    });
  }

  private change(change: Change): void {
    this.editor.noticed(change);
    // A pending list may include this change or not; compare revisions when it arrives.
    if (this.loading !== undefined) this.early.push(change);
    if (this.model.apply(change, performance.now())) this.draw();
  }
  private early: Change[] = [];

  /// @param first true for the list from its beginning, false for its next page
  private async load(first: boolean): Promise<void> {
    const {watch} = this;
    while (this.loading !== undefined) await this.loading;
    if (watch === undefined || watch !== this.watch || (!first && this.model.next === undefined)) return;
    this.early = [];
    this.loading = this.takePages(watch, first);
    await this.loading;
  }

  private async takePages(watch: Watch, first: boolean): Promise<void> {
    try {
      // Load at least as many keys as are shown already, so that none disappears.
      const wanted = first ? this.model.entries.length + this.model.groups.length : 0;
      let page = await list(this.model.prefix, first ? undefined : this.model.next, watch.signal);
      if (watch !== this.watch) return;
      this.model.takePage(page, performance.now(), first);
      while (first && this.model.next !== undefined && this.model.entries.length + this.model.groups.length < wanted) {
        page = await list(this.model.prefix, this.model.next, watch.signal);
        if (watch !== this.watch) return;
        this.model.takePage(page, performance.now(), false);
      }
      for (const change of this.early) this.model.apply(change, performance.now());
      this.problem = '';
      this.isListed = true;
      this.heard_ms = performance.now();
    } catch (error) {
      if (watch !== this.watch) return;
      this.problem = error instanceof Error ? error.message : String(error);
      this.model.doubtful = true;
    } finally {
      this.loading = undefined;
      this.listed_ms = performance.now();
    }
    this.draw();
  }

  private tick(): void {
    const now_ms = performance.now();
    if (this.isKnown(now_ms)) this.model.checkTimes(now_ms);
    if (this.model.doubtful && this.loading === undefined && this.isKnown(now_ms) && now_ms - this.listed_ms > relist_ms) void this.load(true);
    this.draw();
  }

  private isKnown(now_ms: number): boolean {
    return (this.connection.kind === 'live' || this.connection.kind === 'connecting') && now_ms - this.heard_ms < silence_max_ms;
  }

  private draw(): void {
    const now_ms = performance.now();
    const known = this.isKnown(now_ms);
    const {model, connection} = this;
    this.table.element.classList.toggle('stale', !known);
    setText(this.state, this.problem !== '' ? `The list cannot be read: ${this.problem}` : connection.kind === 'waiting' ? `no connection (${connection.why}); trying again` :
      connection.kind === 'live' ? 'live' : connection.kind === 'stopped' ? 'paused while this page was hidden' : 'connecting …');
    setText(this.news, known || !Number.isFinite(this.heard_ms) ? '' : `; last news ${Math.floor((now_ms - this.heard_ms) / 1000)} s ago`);
    this.more.hidden = model.next === undefined;
    this.table.element.hidden = !this.isListed;
    if (!this.isListed) return;
    const rows: {name: string; row: Row}[] = [
      ...model.groups.map(name => ({name, row: {key: `group ${name}`, data: {group: name}, cells: [shortened(name, 60), '…', '', '', ''],
        press: () => { location.hash = dataFragment(name); }}})),
      ...model.entries.map(one => ({name: one.key, row: {key: `key ${one.key}`, data: {key: one.key, revision: String(one.revision)},
        cells: [shortened(one.key, 60), one.value === undefined ? '' : shortened(one.value, 60), count(one.revision),
          known ? secondsLeft(one, now_ms) : one.expires_ms === undefined ? 'never' : 'unknown', count(one.bytes)],
        press: () => void this.editor.open(one.key)}})),
    ];
    this.table.update(rows.sort((a, b) => inOrder(a.name, b.name)).map(one => one.row));
  }

  private goTo(event: Event): void {
    event.preventDefault();
    location.hash = dataFragment(this.prefix.value);
  }

  private showPath(prefix: string): void {
    const parts = prefix.split(/(?<=\/)/).filter(part => part !== '');
    let upTo = '';
    this.path.replaceChildren(h('a', {href: dataFragment('')}, 'all keys'),
      ...parts.map(part => { upTo += part; return h('a', {href: dataFragment(upTo)}, shown(part)); }));
    this.path.lastElementChild?.setAttribute('aria-current', 'page');
  }
}
