// Changes to the running server: two settings, and three readers that demonstrate how a hold delays others.
import {h, setText} from './dom';
import {duration} from './format';
import type {Settings} from './wire';
import {ask} from './token';

/// The server's error message: an application/problem+json has a title and a detail that says what to do.
export async function explained(response: Response): Promise<string> {
  try {
    const problem = await response.json() as {title?: unknown; detail?: unknown};
    const parts = [problem.title, problem.detail].filter(part => typeof part === 'string');
    if (parts.length > 0) return parts.join(': ');
  } catch { /* not a problem+json */ }
  return `the server answered ${response.status}`;
}

/// Milliseconds in the format of the server's durations: exact, with a unit.
function spelled(ms: number): string { return ms === 0 ? '0' : Number.isInteger(ms) ? `${ms}ms` : `${Math.round(ms * 1000)}us`; }

const readHolds = [0, 1, 2, 5, 10, 20, 50, 100, 200, 350, 500, 750, 1000, 1500, 2000];
const writerPeriods = [0, 10, 20, 50, 100, 200, 350, 500, 750, 1000, 1500, 2000, 5000];

class SettingSlider {
  readonly element: HTMLElement;
  private readonly input = h('input', {type: 'range', min: 0, step: 1, disabled: true});
  private readonly output = h('output', {});
  private steps: number[];
  private pending = 0;
  private changing = false;

  constructor(name: string, id: string, private readonly known: number[], private readonly off: string,
    private readonly change: (ms: number) => Promise<void>) {
    this.steps = known;
    this.input.id = id;
    this.output.htmlFor.add(id);
    this.element = h('div', {class: 'slider'}, h('label', {for: id}, name), this.input, this.output);
    this.input.addEventListener('input', () => {
      this.describe();
      this.changing = true;
      clearTimeout(this.pending);
      this.pending = window.setTimeout(() => {
        void this.change(this.steps[Number(this.input.value)]!).finally(() => { this.changing = false; });
      }, 150);
    });
  }

  show(ms: number, enabled: boolean): void {
    this.input.disabled = !enabled;
    if (this.changing) return;
    this.steps = this.known.includes(ms) ? this.known : [...this.known, ms].sort((a, b) => a - b);
    this.input.max = String(this.steps.length - 1);
    this.input.value = String(this.steps.indexOf(ms));
    this.describe();
  }

  private describe(): void {
    const ms = this.steps[Number(this.input.value)] ?? 0;
    const text = ms === 0 ? this.off : duration(ms * 1e6).replace(/\.0+(?= )/, '');
    setText(this.output, text);
    this.input.setAttribute('aria-valuetext', text);
  }
}

const readers = 3;
const apart_ms = 800;

export class Controls {
  private readonly start = h('button', {type: 'button', class: 'great', id: 'start-readers', click: () => void this.startReaders()}, 'Start three readers');
  private readonly lines = Array.from({length: readers}, () => h('li', {}, 'not started'));
  private readonly result = h('ol', {class: 'readers', 'aria-live': 'polite', 'aria-label': 'What the readers measured'}, ...this.lines);
  private running = false;
  private readonly message = h('p', {class: 'message', role: 'status'});
  private readonly readHold = new SettingSlider('Read hold', 'read-hold', readHolds, 'none', ms => this.patch({read_hold: spelled(ms)}));
  private readonly writerPeriod = new SettingSlider('Writer period', 'writer-period', writerPeriods, 'off', ms => this.patch({writer_period: spelled(ms)}));
  readonly element = h('section', {class: 'controls', 'aria-label': 'Controls'},
    h('div', {class: 'lesson'}, this.start,
      h('p', {class: 'note'}, 'Starts a reader every 0.8 s. Each holds the lock for 1 s, so the writer and the other readers have to wait.'),
      this.result),
    h('div', {class: 'sliders'}, this.readHold.element, this.writerPeriod.element, this.message));
  private settings: Settings | undefined;

  /// @param find selects the request with this Holdfast-Request-Id
  constructor(private readonly find: (request_id: string) => void) {}

  show(settings: Settings | undefined): void {
    if (settings === undefined || settings === this.settings) return;
    this.settings = settings;
    this.readHold.show(settings.read_hold_ms, settings.live);
    this.writerPeriod.show(settings.writer_period_ms, settings.live);
    if (!settings.live) setText(this.message, 'The settings cannot be changed: the server was started with --no-live-settings.');
  }

  private async patch(change: Record<string, string>): Promise<void> {
    try {
      const response = await ask('/v1/settings', {method: 'PATCH', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(change)});
      if (!response.ok) throw new Error(await explained(response));
      setText(this.message, '');
    } catch (error) {
      setText(this.message, `Not changed: ${error instanceof Error ? error.message : String(error)}`);
      const before = this.settings;
      this.settings = undefined;
      setTimeout(() => this.show(before));
    }
  }

  private async startReaders(): Promise<void> {
    // A disabled button would lose the focus.
    if (this.running) return;
    this.running = true;
    this.start.setAttribute('aria-disabled', 'true');
    this.result.classList.add('started');
    const reading: Promise<void>[] = [];
    for (const line of this.lines) {
      line.replaceChildren('not started');
      delete line.dataset['request'];
    }
    for (const [reader, line] of this.lines.entries()) {
      line.classList.remove('bad');
      line.replaceChildren('asks for the lock …');
      reading.push(this.read(reader, line));
      if (reader + 1 < readers) await new Promise(resolve => setTimeout(resolve, apart_ms));
    }
    await Promise.all(reading);
    this.running = false;
    this.start.removeAttribute('aria-disabled');
  }

  private async read(reader: number, line: HTMLElement): Promise<void> {
    try {
      // The browser would reuse the first reader's connection for the third, and the two would share a lane. It keeps
      // connections with and without credentials apart, so the others cannot get the first reader's connection.
      const response = await ask('/v1/kv/my-key?hold=1s', {cache: 'no-store', credentials: reader === 0 ? 'same-origin' : 'omit',
        headers: {'Holdfast-Source': `reader ${reader + 1}`}});
      // Without the key there is nothing to read, but the reader still holds the lock.
      if (!response.ok && response.status !== 404) throw new Error(await explained(response));
      await response.arrayBuffer();
      const timing = response.headers.get('Server-Timing') ?? '';
      const part = (name: string) => {
        const found = new RegExp(`\\b${name};dur=([\\d.]+)`).exec(timing)?.[1];
        return found === undefined ? '–' : duration(Number(found) * 1e6);
      };
      const id = response.headers.get('Holdfast-Request-Id');
      line.replaceChildren(`waited ${part('wait')}, held ${part('hold')} `);
      if (id === null) return;
      line.dataset['request'] = id;
      line.append(h('button', {type: 'button', class: 'small', 'aria-label': `Show what happened to reader ${reader + 1}`, click: () => this.find(id)}, 'show'));
    } catch (error) {
      line.replaceChildren(`no value: ${error instanceof Error ? error.message : String(error)}`);
      line.classList.add('bad');
    }
  }
}
