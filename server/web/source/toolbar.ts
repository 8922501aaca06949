// The toolbar above the timeline: state of the connection, pause, zoom, choice of lanes, and the link to this moment.
import {h, setText} from './dom';
import {duration} from './format';
import type {StreamState} from './event_stream';
import {laneOrders, type LaneOrder} from './lanes';
import type {View} from './span';

export interface Actions {
  pause(): void;
  zoom(factor: number): void;
  link(): string;
  clock(wall: boolean): void;
  lanes(filter: string, order: LaneOrder): void;
}

const orderTexts: Record<LaneOrder, string> = {arrival: 'in order of arrival', wait: 'longest waits first', hold: 'longest holds first'};

export class Toolbar {
  private readonly dot = h('span', {class: 'dot'});
  private readonly state = h('span', {id: 'state', role: 'status'}, 'connecting …');
  private readonly news = h('span', {id: 'news'});
  private readonly pause = h('button', {type: 'button', class: 'small', id: 'pause', 'aria-pressed': 'false', click: () => this.actions.pause()}, 'Pause');
  private readonly clock = h('button', {type: 'button', class: 'small', id: 'clock', 'aria-pressed': 'true', click: () => this.toggleClock()}, 'Clock time');
  private readonly length = h('span', {class: 'length'});
  private readonly filter = h('input', {type: 'search', id: 'lane-filter', placeholder: 'filter by source', input: () => this.chooseLanes()});
  private readonly order = h('select', {id: 'lane-order', change: () => this.chooseLanes()},
    ...laneOrders.map(order => h('option', {value: order}, orderTexts[order])));
  private readonly address = h('input', {type: 'text', readonly: true, hidden: true, 'aria-label': 'Link to this moment'});
  private readonly said = h('span', {class: 'said', role: 'status'});
  readonly element: HTMLElement;
  /// Place it below the timeline, so that it does not push the timeline down.
  readonly notice = h('p', {class: 'notice'}, this.said, this.address);

  constructor(private readonly actions: Actions) {
    this.element = h('div', {class: 'toolbar'},
      h('span', {class: 'connection'}, this.dot, this.state, this.news),
      h('span', {class: 'group'},
        this.pause,
        h('button', {type: 'button', class: 'small', 'aria-label': 'Zoom out', click: () => this.actions.zoom(1.5)}, '−'),
        this.length,
        h('button', {type: 'button', class: 'small', 'aria-label': 'Zoom in', click: () => this.actions.zoom(1 / 1.5)}, '+'),
        this.clock,
        h('button', {type: 'button', class: 'small', id: 'link', click: () => void this.share()}, 'Link to this moment')),
      h('span', {class: 'group'},
        h('label', {for: 'lane-filter'}, 'Lanes'), this.filter,
        h('label', {for: 'lane-order', class: 'unseen'}, 'Order of the lanes'), this.order));
  }

  show(view: View): void {
    setText(this.pause, view.live ? 'Pause' : 'Resume');
    this.pause.setAttribute('aria-pressed', String(!view.live));
    setText(this.length, duration(view.length_ns));
    if (view.live) {
      this.address.hidden = true;
      setText(this.said, '');
    }
  }

  showState(state: StreamState, started: Date): void {
    this.dot.className = `dot ${state.kind}`;
    const texts = {
      connecting: 'connecting …', stopped: 'paused while this page was hidden',
      live: `live; the server has been running since ${started.toLocaleString()}`,
      waiting: state.kind === 'waiting' ? `no connection (${state.why}); trying again` : '',
    };
    setText(this.state, texts[state.kind]);
  }

  /// @param silence_ms time since the last message, if that is too long; else undefined
  showSilence(silence_ms: number | undefined): void {
    setText(this.news, silence_ms === undefined || !Number.isFinite(silence_ms) ? '' :
      `; last news ${silence_ms < 120_000 ? `${Math.floor(silence_ms / 1000)} s` : `${Math.floor(silence_ms / 60_000)} min`} ago`);
    if (silence_ms !== undefined) this.dot.className = 'dot waiting';
    else if (this.dot.className === 'dot waiting') this.dot.className = 'dot live';
  }

  say(text: string): void {
    this.address.hidden = true;
    setText(this.said, text);
  }

  private toggleClock(): void {
    const wall = this.clock.getAttribute('aria-pressed') !== 'true';
    this.clock.setAttribute('aria-pressed', String(wall));
    setText(this.clock, wall ? 'Clock time' : 'Since start');
    this.actions.clock(wall);
  }

  private chooseLanes(): void { this.actions.lanes(this.filter.value.trim(), this.order.value as LaneOrder); }

  private async share(): Promise<void> {
    const link = this.actions.link();
    try {
      await navigator.clipboard.writeText(link);
      this.say('The link is on the clipboard.');
    } catch {
      // Browsers allow the clipboard only on https and localhost, and users may deny it.
      this.say('The link:');
      this.address.value = link;
      this.address.hidden = false;
      this.address.select();
    }
  }
}
