// The server's page: follows the lock's events and shows who holds up whom.
import {SecondsChart} from './chart';
import {Controls} from './controls';
import {h} from './dom';
import {EventStream, type StreamState} from './event_stream';
import {fromFragment, toFragment} from './fragment';
import {Mirror, mirrorSections} from './mirror';
import {Model} from './model';
import {BlameTables, NowTiles, PercentileTable} from './panels';
import type {Subject} from './scene';
import {View} from './span';
import {StoryPanel} from './story_panel';
import {onThemeChange} from './theme';
import {Timeline} from './timeline';
import {Toolbar} from './toolbar';
import type {LockEvent, LockState} from './wire';

const tables_interval_ms = 500;
const chart_interval_ms = 1000;
const tiles_interval_ms = 200;
const hidden_max_ms = 30_000;
const wanted_max_ms = 10_000;  // within which the server has told all that it remembers

class Page {
  private readonly model = new Model();
  private readonly view = new View(document.documentElement.clientWidth < 560 ? 5e9 : 8e9);
  private readonly toolbar = new Toolbar({pause: () => this.togglePause(), zoom: factor => this.zoom(factor), link: () => this.link()});
  private readonly tiles = new NowTiles();
  private readonly controls = new Controls(id => this.chooseRecord(this.model.records.findRequestId(id)));
  private readonly timeline = new Timeline(this.model, this.view, {
    look: (subject, at, chosen) => this.look(subject, at, chosen),
    moved: () => this.moved(),
  });
  private readonly stage = h('div', {class: 'stage'}, this.timeline.canvas);
  private readonly story = new StoryPanel(this.model, id => this.chooseRecord(this.model.records.find(id)), this.stage);
  private readonly blame = new BlameTables(source => this.timeline.colours.name(source));
  private readonly percentiles = new PercentileTable();
  private readonly chart = new SecondsChart(this.model.seconds);
  private readonly mirror = new Mirror(source => this.timeline.colours.name(source), subject => this.choose(subject));
  private readonly stream = new EventStream('/v1/lock/events', {
    event: event => this.event(event),
    state: state => this.connection(state),
  });
  private state: StreamState = {kind: 'connecting'};
  private wanted = fromFragment(location.hash);  // the moment of a link, until it is shown
  private wantedUntil_ms = 0;
  private dirty = true;        // the drawing
  private tablesDirty = true;  // and the tables
  private readonly due = {tiles: 0, tables: 0, chart: 0, step: 0};
  private readonly calm = matchMedia('(prefers-reduced-motion: reduce)');
  private reconciling = false;

  run(): void {
    document.body.append(h('main', {},
      h('header', {}, h('p', {class: 'brand'}, 'Holdfast'), h('h1', {}, 'Who holds up whom')),
      this.controls.element,
      h('section', {class: 'live', 'aria-label': 'Timeline'}, this.toolbar.element, this.stage,
        h('p', {class: 'note keys', id: 'timeline-keys'}, 'Grey waits, colour holds; an arrow leads from who releases to who owns next. ' +
          'Drag to move; two fingers, or Ctrl and the wheel, zoom. Keys: arrows walk from request to request, + and − zoom, Page Up and Page Down ' +
          'move, space pauses, End returns to now.'),
        this.story.element),
      this.tiles.element,
      h('section', {}, h('h2', {}, 'Who made others wait'), this.blame.element),
      h('section', {}, h('h2', {}, 'How long it takes'), this.percentiles.element, this.chart.element),
      ...mirrorSections(this.mirror)));
    if (this.wanted?.span !== undefined) this.view.show(this.wanted.span);
    addEventListener('hashchange', () => this.followLink());
    document.addEventListener('visibilitychange', () => this.visibility());
    onThemeChange(() => {
      this.dirty = true;
      this.chart.redraw();
    });
    this.moved();
    this.stream.open(this.wanted !== undefined);
    requestAnimationFrame(now_ms => this.frame(now_ms));
  }

  private event(event: LockEvent): void {
    if (event.type === 'hello' && event.start !== this.model.start) this.newServer(event.start);
    // What was forgotten before this page asked is no loss of the page's.
    if (event.type === 'dropped' && this.model.requests === 0) return;
    this.model.apply(event, performance.now());
    if (event.type === 'hello') {
      this.wantedUntil_ms = performance.now() + wanted_max_ms;
      this.controls.show(event.settings);
      this.model.doubtful = true;
      this.connection(this.state);
    }
    if (event.type === 'settings') this.controls.show(event.settings);
  }

  /// Another process: its times and ids begin again, so nothing of before can stay.
  private newServer(start: string): void {
    const before = this.model.start;
    this.story.show(undefined);
    this.timeline.select(undefined);
    this.timeline.refreshLanes();
    if (this.wanted !== undefined && this.wanted.start !== start) {
      this.wanted = undefined;
      this.view.resume();
      this.moved();
      this.toolbar.say('The server has been restarted since this link was made, and what it showed is gone.');
    } else if (before !== undefined) {
      this.view.resume();
      this.moved();
      this.toolbar.say('The server was restarted; what it did before is gone.');
    }
  }

  private connection(state: StreamState): void {
    this.state = state;
    this.toolbar.showState(state, this.model.started_at);
    if (state.kind === 'live') document.documentElement.dataset['ready'] = 'yes';
    else delete document.documentElement.dataset['ready'];
  }

  /// The events don't tell who held and waited before the page came, nor after a loss.
  private async reconcile(): Promise<void> {
    this.reconciling = true;
    this.model.doubtful = false;
    try {
      const response = await fetch('/v1/lock?limit=1000', {cache: 'no-store'});
      if (response.ok) this.model.reconcile(await response.json() as LockState);
    } catch { /* the stream finds out what is wrong, and asks again when it is mended */ }
    setTimeout(() => { this.reconciling = false; }, 1000);
  }

  private frame(now_ms: number): void {
    requestAnimationFrame(next_ms => this.frame(next_ms));
    if (this.model.start === undefined) return;
    const now_ns = this.model.now_ns(now_ms);
    if (this.model.doubtful && !this.reconciling && this.state.kind === 'live') void this.reconcile();
    const {records} = this.model;
    if (this.view.live) records.keepFrom = Infinity;
    else if (records.keepFrom === Infinity) records.keepFrom = records.firstEndedFrom(this.view.span(now_ns).from_ns);
    if (this.wanted !== undefined) this.showWanted();
    const isDue = (what: keyof typeof this.due, interval_ms: number) => {
      if (now_ms < this.due[what]) return false;
      this.due[what] = now_ms + interval_ms;
      return true;
    };
    // A timeline that flows is motion; who wants less of it sees it step.
    const flows = this.view.live && (!this.calm.matches || isDue('step', 1000));
    if (flows || this.dirty) this.timeline.draw(now_ms);
    if (isDue('tiles', tiles_interval_ms)) {
      this.model.seconds.moveTo(now_ns);
      this.tiles.update(this.model, now_ns);
      this.story.update(now_ns);
    }
    if (this.tablesDirty || isDue('tables', tables_interval_ms)) {
      this.mirror.update(this.model, this.view.span(now_ns), this.timeline.lanes.shown, now_ns);
      this.blame.update(this.model);
      this.percentiles.update(this.model);
    }
    if (isDue('chart', chart_interval_ms)) this.chart.update();
    this.dirty = this.tablesDirty = false;
  }

  private look(subject: Subject | undefined, at: {x: number; y: number} | undefined, chosen: boolean): void {
    this.story.showTip(subject, at, this.model.now_ns(performance.now()));
    this.dirty = true;
    if (!chosen) return;
    this.timeline.select(subject);
    this.story.show(subject);
  }

  private choose(subject: Subject): void {
    this.view.pause(this.model.now_ns(performance.now()));
    this.look(subject, undefined, true);
    this.moved();
  }

  /// Chooses a record and, when it is out of view, goes there.
  private chooseRecord(record: number | undefined): void {
    if (record === undefined) {
      this.toolbar.say('That request is no longer kept here.');
      return;
    }
    const {asked_ns, ended_ns} = this.model.records.get(record);
    const span = this.view.span(this.model.now_ns(performance.now()));
    if (asked_ns < span.from_ns || ended_ns > span.to_ns) {
      const length_ns = Math.max(this.view.length_ns, 1.2 * (ended_ns - asked_ns));
      const to_ns = (asked_ns + ended_ns + length_ns) / 2;
      this.view.show({from_ns: to_ns - length_ns, to_ns});
    }
    this.choose({kind: 'record', record});
  }

  private moved(): void {
    this.dirty = this.tablesDirty = true;
    this.model.records.keepFrom = Infinity;
    this.timeline.refreshLanes();
    this.toolbar.show(this.view);
  }

  private togglePause(): void {
    if (this.view.live) this.view.pause(this.model.now_ns(performance.now()));
    else this.view.resume();
    this.moved();
  }

  private zoom(factor: number): void {
    const span = this.view.span(this.model.now_ns(performance.now()));
    this.view.zoom(factor, (span.from_ns + span.to_ns) / 2);
    this.moved();
  }

  private link(): string {
    const now_ns = this.model.now_ns(performance.now());
    this.view.pause(now_ns);
    this.moved();
    const fragment = toFragment({start: this.model.start ?? '', span: this.view.span(now_ns), request: this.story.id});
    history.replaceState(null, '', fragment);
    return location.href;
  }

  private followLink(): void {
    this.wanted = fromFragment(location.hash);
    if (this.wanted === undefined) return;
    if (this.wanted.start !== this.model.start) {
      this.newServer(this.model.start ?? '');
      return;
    }
    this.wantedUntil_ms = performance.now() + wanted_max_ms;
    if (this.wanted.span !== undefined) this.view.show(this.wanted.span);
    this.moved();
  }

  /// Goes on until the moment's request has come, if the link names one.
  private showWanted(): void {
    const {request, span} = this.wanted!;
    this.dirty = this.tablesDirty = true;
    const record = request === undefined ? undefined : this.model.records.find(request);
    const open = request === undefined ? undefined : this.model.open.get(request);
    const late = performance.now() > this.wantedUntil_ms;
    if (record !== undefined || open !== undefined || late) this.wanted = undefined;
    if (record !== undefined && span === undefined) this.chooseRecord(record);
    else if (record !== undefined) this.look({kind: 'record', record}, undefined, true);
    else if (open !== undefined && span === undefined) this.choose({kind: 'open', request: open});
    else if (open !== undefined) this.look({kind: 'open', request: open}, undefined, true);
    else if (late && request !== undefined) this.toolbar.say('The server no longer remembers the request of this link.');
  }

  /// A browser allows a host six connections. A page that nobody sees gives its own back.
  private hiddenFor = 0;
  private visibility(): void {
    clearTimeout(this.hiddenFor);
    if (document.hidden) this.hiddenFor = window.setTimeout(() => this.stream.close(), hidden_max_ms);
    else this.stream.open(false);
  }
}

new Page().run();
