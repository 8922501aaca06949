// The timeline: a canvas that shows the view and is moved by pointer, wheel, touch and keys.
import {h} from './dom';
import {plural} from './format';
import {activityIn, LaneChoice, Lanes} from './lanes';
import type {Model} from './model';
import {lanesEnd, paint, type Cursor, type Layout} from './paint';
import {buildScene, pick, type Scene, type Subject} from './scene';
import type {View} from './span';
import {LaneColours, theme} from './theme';
import {gestures} from './gestures';

export interface TimelineEvents {
  /// The request under the pointer or reached by keys; `chosen` after a click or Enter, `tapped` after a touch.
  look(subject: Subject | undefined, at: {x: number; y: number} | undefined, chosen: boolean, tapped?: boolean): void;
  /// The user has moved or paused the view.
  moved(): void;
  /// The user has pinned or unpinned this source's lane.
  pin(source: string): void;
}

const lanes_interval_ms = 250;

export class Timeline {
  readonly canvas = h('canvas', {tabindex: 0, role: 'application', 'aria-roledescription': 'timeline',
    'aria-describedby': 'timeline-keys',
    'aria-label': 'Timeline of the lock, one lane for each source. The tables below show the same.'});
  readonly lanes = new Lanes();
  readonly choice = new LaneChoice();
  readonly colours = new LaneColours();
  scene: Scene | undefined;
  selected: Subject | undefined;
  private hovered: Subject | undefined;
  private focusedRow: number | undefined;
  private rowsShown = 4;
  private lanesAt_ms = -Infinity;
  // Touch targets need 44 pixels (WCAG 2.5.5).
  private layout: Layout = {gutter: 150, axis: 26, lane: matchMedia('(pointer: coarse)').matches ? 44 : 30, bar: 20, commits: 0, queue: 70};
  private width = 0;
  private height = 0;

  constructor(private readonly model: Model, readonly view: View, private readonly events: TimelineEvents) {
    gestures(this.canvas, {
      timeAt: x => this.timeAt(x),
      perPixel: () => this.view.length_ns / Math.max(1, this.width - this.layout.gutter),
      zoom: (factor, at_ns) => { this.view.zoom(factor, at_ns); this.moved(); },
      pan: by_ns => { this.view.pan(by_ns, this.now_ns()); this.moved(); },
      hover: at => { this.lookAt(at, false); },
      press: (at, tapped) => { this.press(at, tapped); },
    });
    this.canvas.addEventListener('keydown', event => { if (this.key(event)) event.preventDefault(); });
    this.canvas.addEventListener('blur', () => { this.focusedRow = undefined; });
    new ResizeObserver(() => this.resize()).observe(this.canvas);
  }

  /// Draws the current state. @param now_ms the page's clock
  draw(now_ms: number): void {
    if (this.width === 0) return;
    const span = this.view.span(this.model.now_ns(now_ms));
    const lanes_max = this.width < 560 ? 8 : 12;
    if (now_ms - this.lanesAt_ms >= lanes_interval_ms) {
      this.lanesAt_ms = now_ms;
      if (this.view.live) this.adopted = undefined;
      if (this.adopted !== undefined) this.lanes.keep(activityIn(this.model, span), this.adopted);
      else this.lanes.update(activityIn(this.model, span), lanes_max, this.choice);
      this.colours.assign(this.lanes.shown);
      const rows = this.rows();
      const commits = this.model.commits.next > 0 ? 40 : 0;
      if (rows > this.rowsShown || commits !== this.layout.commits) {
        this.rowsShown = Math.max(rows, this.rowsShown);
        this.layout.commits = commits;
        this.fit();
      }
    }
    const context = this.canvas.getContext('2d');
    if (context === null) return;
    const rows = this.rows();
    const scene = this.scene = buildScene(this.model, span, Math.max(1, this.width - this.layout.gutter), Math.max(rows, 1), this.rowOf);
    this.selected = this.selected && this.settled(this.selected);
    const subject = this.hovered ?? this.selected;
    const names = [...this.lanes.shown, ...(this.lanes.others > 0 ? [plural(this.lanes.others, 'other')] : [])];
    const colours = [...this.lanes.shown.map(source => this.colours.colour(source)), theme().others];
    paint(context, {scene, layout: this.layout, height: this.height, names, colours, focusedRow: this.focusedRow,
      bold: this.lanes.shown.map(source => this.choice.pinned.includes(source)), cursor: this.cursor = subject && this.cursorOf(subject, scene)});
  }

  /// Where the hovered or selected request was drawn last.
  cursor: Cursor | undefined;

  /// Replaces an open request that has ended by its record; undefined if that is no longer kept.
  private settled(subject: Subject): Subject | undefined {
    if (subject.kind === 'record') return subject.record < this.model.records.first ? undefined : subject;
    if (this.model.open.has(subject.request.id)) return subject;
    const record = this.model.records.find(subject.request.id);
    return record === undefined ? undefined : {kind: 'record', record};
  }

  private cursorOf(subject: Subject, scene: Scene): Cursor | undefined {
    if (subject.kind === 'record' && subject.record < this.model.records.first) return undefined;
    const one = subject.kind === 'record' ? this.model.records.get(subject.record) : this.model.open.get(subject.request.id) ?? subject.request;
    const x = (time_ns: number) => (time_ns - scene.span.from_ns) / (scene.span.to_ns - scene.span.from_ns) * scene.width;
    return {row: this.rowOf(one.source), left: x(one.asked_ns), right: x('ended_ns' in one ? one.ended_ns : scene.span.to_ns)};
  }

  private adopted: string[] | undefined;

  /// Shows the lanes and colours of a shared link until the view continues or the user chooses others.
  adopt(lanes: readonly {source: string; colour: number}[]): void {
    this.adopted = lanes.map(lane => lane.source);
    this.colours.adopt(lanes);
    this.refreshLanes();
  }

  /// Chooses lanes and colours only from what is in view, so that everybody who opens this moment sees the same.
  startOver(): void {
    this.lanes.shown = [];
    this.colours.assign([]);
    this.rechoose();
  }

  /// Call after the user's choice of lanes has changed.
  rechoose(): void {
    this.adopted = undefined;
    this.refreshLanes();
  }

  /// Updates the lanes before the next drawing.
  refreshLanes(): void { this.lanesAt_ms = -Infinity; }

  select(subject: Subject | undefined): void { this.selected = subject; }

  private readonly rowOf = (source: string): number => {
    const row = this.lanes.shown.indexOf(source);
    return row >= 0 ? row : Math.max(0, this.rows() - 1);
  };

  private rows(): number { return this.lanes.shown.length + (this.lanes.others > 0 ? 1 : 0); }
  private now_ns(): number { return this.model.now_ns(performance.now()); }

  private timeAt(x: number): number {
    const span = this.view.span(this.now_ns());
    return span.from_ns + (x - this.layout.gutter) / Math.max(1, this.width - this.layout.gutter) * this.view.length_ns;
  }

  private moved(): void {
    this.refreshLanes();
    this.events.moved();
  }

  private press(at: {x: number; y: number}, tapped: boolean): void {
    const row = Math.floor((at.y - this.layout.axis) / this.layout.lane);
    const source = this.lanes.shown[row];
    if (at.x < this.layout.gutter && source !== undefined) this.events.pin(source);
    else this.lookAt(at, true, tapped);
  }

  private lookAt(at: {x: number; y: number} | undefined, chosen: boolean, tapped = false): void {
    this.hovered = undefined;
    if (at !== undefined && this.scene !== undefined && at.x >= this.layout.gutter) {
      const row = Math.floor((at.y - this.layout.axis) / this.layout.lane);
      if (row >= 0 && row < this.rows()) this.hovered = pick(this.model, this.scene, row, at.x - this.layout.gutter, this.rowOf);
    }
    this.events.look(this.hovered, at, chosen, tapped);
  }

  private key(event: KeyboardEvent): boolean {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const length_ns = this.view.length_ns;
    const middle_ns = this.view.span(this.now_ns()).to_ns - length_ns / 2;
    switch (event.key) {
      case '+': case '=': this.view.zoom(1 / 1.5, middle_ns); break;
      case '-': case '_': this.view.zoom(1.5, middle_ns); break;
      case 'PageUp': this.view.pan(-length_ns / 2, this.now_ns()); break;
      case 'PageDown': this.view.pan(length_ns / 2, this.now_ns()); break;
      case 'End': this.view.resume(); break;
      case ' ': if (this.view.live) this.view.pause(this.now_ns()); else this.view.resume(); break;
      case 'ArrowUp': case 'ArrowDown': this.moveRow(event.key === 'ArrowUp' ? -1 : 1); return true;
      case 'ArrowLeft': case 'ArrowRight': this.step(event.key === 'ArrowLeft' ? -1 : 1); return true;
      case 'p': {
        const source = this.lanes.shown[this.focusedRow ?? -1];
        if (source !== undefined) this.events.pin(source);
        return source !== undefined;
      }
      case 'Escape': this.events.look(undefined, undefined, true); return true;
      default: return false;
    }
    this.moved();
    return true;
  }

  private moveRow(by: number): void {
    const rows = this.rows();
    if (rows === 0) return;
    this.focusedRow = Math.min(Math.max((this.focusedRow ?? -by) + by, 0), rows - 1);
    this.step(0);
  }

  /// Selects the lane's next request before or after the selected one; 0 selects its latest.
  private step(by: number): void {
    const row = this.focusedRow ??= 0;
    const {records} = this.model;
    const span = this.view.span(this.now_ns());
    const inLane: number[] = [];
    for (let record = records.firstEndedFrom(span.from_ns); record < records.next; ++record) {
      const at = records.slot(record);
      if (records.ended[at]! < span.from_ns || records.asked[at]! > span.to_ns) continue;
      if (this.rowOf(records.names.text(records.source[at]!)) === row) inLane.push(record);
    }
    if (inLane.length === 0) return;
    if (this.view.live) {
      this.view.pause(this.now_ns());
      this.events.moved();
    }
    const current = this.selected?.kind === 'record' ? inLane.indexOf(this.selected.record) : -1;
    const index = by === 0 || current < 0 ? inLane.length - 1 : Math.min(Math.max(current + by, 0), inLane.length - 1);
    this.events.look({kind: 'record', record: inLane[index]!}, undefined, true);
  }

  private resize(): void {
    const width = Math.round(this.canvas.clientWidth);
    if (width === this.width || width === 0) return;
    this.width = width;
    this.layout.gutter = Math.round(Math.min(150, width * 0.27));
    this.fit();
  }

  private fit(): void {
    const scale = Math.min(devicePixelRatio || 1, 2);
    this.height = lanesEnd(this.layout, this.rowsShown) + this.layout.commits + this.layout.queue;
    this.canvas.width = this.width * scale;
    this.canvas.height = this.height * scale;
    this.canvas.style.height = `${this.height}px`;
    this.canvas.getContext('2d')?.setTransform(scale, 0, 0, scale, 0, 0);
  }
}
