// The server's page: follows the lock's events, shows who delays whom, and shows the data.
import {SecondsChart} from './chart';
import {Controls} from './controls';
import {DataView, prefixOf} from './data_view';
import {h} from './dom';
import {EventStream, type StreamState} from './event_stream';
import {shortened, useWallClock} from './format';
import {fromFragment, toFragment} from './fragment';
import type {LaneOrder} from './lanes';
import {Masthead} from './masthead';
import {Mirror, mirrorSections} from './mirror';
import {Model} from './model';
import {NamedLocks} from './named_locks';
import {BlameTables, NowTiles, PercentileTable} from './panels';
import type {Subject} from './scene';
import {View} from './span';
import {StoryPanel} from './story_panel';
import {onThemeChange} from './theme';
import {Timeline} from './timeline';
import {Toolbar} from './toolbar';
import type {LockEvent, LockState} from './wire';
import {ask} from './token';

const tables_interval_ms = 500;
const chart_interval_ms = 1000;
const tiles_interval_ms = 200;
const hidden_max_ms = 30_000;
const wanted_max_ms = 10_000;  // by then the server has sent all events that it keeps
const silence_max_ms = 7_000;  // an idle server sends a heartbeat after five seconds

class Page {
  private readonly model = new Model();
  private readonly view = new View(document.documentElement.clientWidth < 560 ? 5e9 : 8e9);
  private readonly masthead = new Masthead();
  private readonly toolbar = new Toolbar({
    pause: () => this.togglePause(), zoom: factor => this.zoom(factor), link: () => this.link(),
    clock: wall => this.chooseClock(wall), lanes: (filter, order) => this.chooseLanes(filter, order),
  });
  private readonly tiles = new NowTiles();
  private readonly controls = new Controls(id => this.chooseRecord(this.model.records.findRequestId(id)));
  private readonly timeline = new Timeline(this.model, this.view, {
    look: (subject, at, chosen, tapped) => this.look(subject, at, chosen, tapped),
    moved: () => this.moved(),
    pin: source => this.pin(source),
  });
  private readonly data = new DataView();
  private readonly lockView = h('div', {id: 'lock-view'});
  private readonly stage = h('div', {class: 'stage'}, this.timeline.canvas);
  private readonly story = new StoryPanel(this.model, id => this.chooseRecord(this.model.records.find(id)), this.stage);
  private readonly blame = new BlameTables(source => this.timeline.colours.name(source));
  private readonly percentiles = new PercentileTable();
  private readonly chart = new SecondsChart(this.model.seconds);
  private readonly mirror = new Mirror(source => this.timeline.colours.name(source), subject => this.choose(subject), source => this.pin(source));
  private readonly stream = new EventStream('/v1/lock/events', {
    event: event => this.event(event),
    state: state => this.connection(state),
  });
  private state: StreamState = {kind: 'connecting'};
  private wanted = fromFragment(location.hash);  // the moment of a link, until it is shown
  private wantedUntil_ms = 0;
  private readonly diskLegend = h('span', {hidden: true}, 'Disk: commits of the journal. ');
  private dirty = true;        // the timeline
  private tablesDirty = true;  // the tables
  private readonly due = {tiles: 0, tables: 0, chart: 0, step: 0};
  private readonly calm = matchMedia('(prefers-reduced-motion: reduce)');
  private reconciling = false;

  run(): void {
    this.lockView.append(
      this.controls.element,
      h('section', {class: 'live', 'aria-label': 'Timeline'}, this.toolbar.element, this.stage, this.toolbar.notice,
        h('p', {class: 'note', id: 'timeline-keys'}, 'Grey: waiting. Colour: holding the lock. An arrow leads from the request that releases ' +
          'the lock to the next owner. ', this.diskLegend,
          h('span', {class: 'by-mouse'}, 'Drag to move; zoom with Ctrl and the wheel. Click a name to pin its lane. Keys: the arrow keys walk from ' +
            'request to request, + and − zoom, Page Up and Page Down move, P pins the lane, Space pauses, End returns to now.'),
          h('span', {class: 'by-touch'}, 'Tap a request to read what happened to it. Drag sideways to move, pinch to zoom.')),
        this.story.element),
      this.tiles.element,
      h('section', {}, h('h2', {}, 'Who made others wait'), this.blame.element),
      h('section', {}, h('h2', {}, 'How long waits and holds take'), this.percentiles.element, this.chart.element),
      new NamedLocks().element,
      ...mirrorSections(this.mirror));
    document.body.append(h('main', {}, this.masthead.element, this.lockView, this.data.element));
    void this.masthead.askVersion();
    this.showView();
    this.openMoment();
    addEventListener('hashchange', () => this.followLink());
    document.addEventListener('visibilitychange', () => this.visibility());
    onThemeChange(() => {
      this.dirty = true;
      this.chart.redraw();
    });
    this.moved();
    this.sayWhatIsWrong();
    this.stream.open(true);
    requestAnimationFrame(now_ms => this.frame(now_ms));
  }

  private event(event: LockEvent): void {
    if (event.type === 'hello' && event.start !== this.model.start) this.newServer(event.start);
    // Events that the server dropped before the page was opened are not a loss of the page.
    if (event.type === 'dropped' && this.model.requests === 0) return;
    this.model.apply(event, performance.now());
    if (event.type === 'hello') {
      this.wantedUntil_ms = performance.now() + wanted_max_ms;
      this.controls.show(event.settings);
      this.model.doubtful = true;
      if (this.wall) useWallClock(Date.parse(event.started_at));
      this.connection(this.state);
    }
    if (event.type === 'settings') this.controls.show(event.settings);
    if (event.type === 'commits') this.diskLegend.hidden = false;
  }

  /// The server was restarted: its times and ids begin again, so discard everything.
  private newServer(start: string): void {
    const before = this.model.start;
    this.story.show(undefined);
    this.timeline.select(undefined);
    this.timeline.refreshLanes();
    if (this.wanted !== undefined && this.wanted.start !== start) {
      this.wanted = undefined;
      this.view.resume();
      this.moved();
      this.toolbar.say('This link is from before the server was restarted; what it showed is gone.');
    } else if (before !== undefined) {
      this.view.resume();
      this.moved();
      this.toolbar.say('The server was restarted; what it did before is gone.');
    }
  }

  /// Reports an address whose # part cannot be understood.
  private sayWhatIsWrong(): void {
    if (this.wanted === undefined && location.hash.length > 1 && prefixOf(location.hash) === undefined)
      this.toolbar.say(`The part of the address after # is neither a request id nor a link to a moment: ${shortened(location.hash.slice(1), 60)}`);
  }

  private openMoment(): void {
    if (this.wanted?.span !== undefined) this.view.show(this.wanted.span);
    if (this.wanted !== undefined && this.wanted.lanes.length > 0) this.timeline.adopt(this.wanted.lanes);
  }

  private showView(): void {
    const prefix = prefixOf(location.hash);
    this.masthead.show(prefix === undefined ? 'lock' : 'data');
    this.lockView.hidden = prefix !== undefined;
    this.dirty = this.tablesDirty = true;
    if (!this.isResting) this.data.show(prefix);
  }

  private wall = true;
  private chooseClock(wall: boolean): void {
    this.wall = wall;
    useWallClock(wall ? Date.parse(this.model.started_at) : undefined);
    this.dirty = this.tablesDirty = true;
    this.story.update(this.model.now_ns(performance.now()), true);
    this.chart.redraw();
  }

  private chooseLanes(filter: string, order: LaneOrder): void {
    Object.assign(this.timeline.choice, {filter, order});
    this.timeline.rechoose();
    this.dirty = this.tablesDirty = true;
  }

  private pin(source: string): void {
    this.timeline.choice.pin(source);
    this.timeline.rechoose();
    this.dirty = this.tablesDirty = true;
  }

  private connection(state: StreamState): void {
    this.state = state;
    this.toolbar.showState(state, new Date(this.model.started_at));
    if (state.kind === 'live') document.documentElement.dataset['ready'] = 'yes';
    else delete document.documentElement.dataset['ready'];
  }

  /// The events do not show who held and waited before the page was opened or during a loss, so ask for that.
  private async reconcile(): Promise<void> {
    this.reconciling = true;
    this.model.doubtful = false;
    try {
      const response = await ask('/v1/lock?limit=1000', {cache: 'no-store'});
      if (response.ok) this.model.reconcile(await response.json() as LockState);
    } catch { /* the stream detects a failure, and its next hello asks again */ }
    setTimeout(() => { this.reconciling = false; }, 1000);
  }

  private frame(now_ms: number): void {
    requestAnimationFrame(next_ms => this.frame(next_ms));
    if (this.model.start === undefined) return;
    const silence_ms = now_ms - this.model.heard_ms;
    const frozen = this.state.kind !== 'live' || silence_ms > silence_max_ms;
    if (frozen !== this.model.frozen) {
      this.model.frozen = frozen;
      this.stage.classList.toggle('stale', frozen);
      this.dirty = this.tablesDirty = true;
      this.due.tiles = 0;
    }
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
    if (this.lockView.hidden) return;
    // With prefers-reduced-motion, the timeline moves in steps.
    const flows = this.view.live && (!this.calm.matches || isDue('step', 1000));
    if (flows || this.dirty) this.timeline.draw(now_ms);
    if (isDue('tiles', tiles_interval_ms)) {
      this.model.seconds.moveTo(now_ns);
      this.toolbar.showSilence(frozen ? silence_ms : undefined);
      this.tiles.update(this.model, now_ns);
      this.story.update(now_ns);
    }
    if (this.tablesDirty || isDue('tables', tables_interval_ms)) {
      this.mirror.update(this.model, this.view.span(now_ns), this.timeline.lanes.shown, this.timeline.choice.pinned, now_ns);
      this.blame.update(this.model);
      this.percentiles.update(this.model);
    }
    if (isDue('chart', chart_interval_ms)) this.chart.update();
    this.dirty = this.tablesDirty = false;
  }

  private look(subject: Subject | undefined, at: {x: number; y: number} | undefined, chosen: boolean, tapped = false): void {
    this.story.showTip(subject, at, this.model.now_ns(performance.now()));
    this.dirty = true;
    if (!chosen) return;
    this.timeline.select(subject);
    this.story.show(subject);
    if (tapped && subject !== undefined) this.story.reveal();
  }

  private choose(subject: Subject): void {
    this.view.pause(this.model.now_ns(performance.now()));
    this.look(subject, undefined, true);
    this.moved();
  }

  /// Selects a record, and moves the view to it if it is out of view.
  private chooseRecord(record: number | undefined): void {
    if (record === undefined) {
      this.toolbar.say('This page no longer has that request.');
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
    const {lanes, colours} = this.timeline;
    const fragment = toFragment({start: this.model.start ?? '', span: this.view.span(now_ns), request: this.story.id,
      lanes: lanes.shown.map(source => ({source, colour: colours.numberOf(source)}))});
    history.replaceState(null, '', fragment);
    return location.href;
  }

  private followLink(): void {
    this.showView();
    this.wanted = fromFragment(location.hash);
    this.sayWhatIsWrong();
    if (this.wanted === undefined) return;
    if (this.wanted.start !== this.model.start) {
      this.newServer(this.model.start ?? '');
      return;
    }
    this.wantedUntil_ms = performance.now() + wanted_max_ms;
    this.openMoment();
    this.moved();
  }

  /// Shows the moment of a link; repeated until its request has arrived.
  private showWanted(): void {
    const {request, span} = this.wanted!;
    this.dirty = this.tablesDirty = true;
    const record = request === undefined ? undefined : this.model.records.find(request);
    const open = request === undefined ? undefined : this.model.open.get(request);
    const late = this.model.complete || performance.now() > this.wantedUntil_ms;
    if (record !== undefined || open !== undefined || late) this.wanted = undefined;
    if (span === undefined && (record !== undefined || open !== undefined)) this.timeline.startOver();
    if (record !== undefined && span === undefined) this.chooseRecord(record);
    else if (record !== undefined) this.look({kind: 'record', record}, undefined, true);
    else if (open !== undefined && span === undefined) this.choose({kind: 'open', request: open});
    else if (open !== undefined) this.look({kind: 'open', request: open}, undefined, true);
    else if (late && request !== undefined)
      this.toolbar.say('The server does not know the request of this link: there is none with this id, or it is too old.');
  }

  /// Browsers allow six connections per host, so a hidden page closes its own.
  private hiddenFor = 0;
  private isResting = false;
  private visibility(): void {
    clearTimeout(this.hiddenFor);
    if (document.hidden) {
      this.hiddenFor = window.setTimeout(() => this.rest(true), hidden_max_ms);
    } else if (this.isResting) {
      this.rest(false);
    }
  }

  private rest(isResting: boolean): void {
    this.isResting = isResting;
    if (isResting) {
      this.stream.close();
      this.data.show(undefined);
    } else {
      this.stream.open(false);
      this.showView();
    }
  }
}

new Page().run();
