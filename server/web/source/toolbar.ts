// Above the timeline: the state of the connection, pause, zoom, and the link to this moment.
import {h, setText} from './dom';
import {duration} from './format';
import type {StreamState} from './event_stream';
import type {View} from './span';

export interface Actions { pause(): void; zoom(factor: number): void; link(): string }

export class Toolbar {
  private readonly dot = h('span', {class: 'dot'});
  private readonly state = h('span', {id: 'state', role: 'status'}, 'connecting …');
  private readonly pause: HTMLButtonElement;
  private readonly length = h('span', {class: 'length'});
  private readonly address = h('input', {type: 'text', readonly: true, hidden: true, 'aria-label': 'Link to this moment'});
  private readonly said = h('span', {class: 'said', role: 'status'});
  readonly element: HTMLElement;

  constructor(private readonly actions: Actions) {
    this.pause = h('button', {type: 'button', class: 'small', id: 'pause', 'aria-pressed': 'false', click: () => this.actions.pause()}, 'Pause');
    this.element = h('div', {class: 'toolbar'},
      h('span', {class: 'connection'}, this.dot, this.state),
      h('span', {class: 'group'},
        this.pause,
        h('button', {type: 'button', class: 'small', 'aria-label': 'Zoom out', click: () => this.actions.zoom(1.5)}, '−'),
        this.length,
        h('button', {type: 'button', class: 'small', 'aria-label': 'Zoom in', click: () => this.actions.zoom(1 / 1.5)}, '+'),
        h('button', {type: 'button', class: 'small', id: 'link', click: () => void this.share()}, 'Link to this moment')),
      this.said, this.address);
  }

  show(view: View): void {
    setText(this.pause, view.live ? 'Pause' : 'Go on');
    this.pause.setAttribute('aria-pressed', String(!view.live));
    setText(this.length, duration(view.length_ns));
    if (view.live) {
      this.address.hidden = true;
      setText(this.said, '');
    }
  }

  showState(state: StreamState, started_at: string): void {
    this.dot.className = `dot ${state.kind}`;
    const texts = {
      connecting: 'connecting …', stopped: 'resting while this page is hidden',
      live: `live, the server runs since ${started_at.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC')}`,
      waiting: state.kind === 'waiting' ? `no connection (${state.why}); trying again` : '',
    };
    setText(this.state, texts[state.kind]);
  }

  say(text: string): void { setText(this.said, text); }

  private async share(): Promise<void> {
    const link = this.actions.link();
    try {
      await navigator.clipboard.writeText(link);
      this.say('The link is on the clipboard.');
    } catch {
      // Only secure origins and willing users have a clipboard.
      this.say('The link:');
      this.address.value = link;
      this.address.hidden = false;
      this.address.select();
    }
  }
}
