// The named locks: who holds each, who waits in which order, and what happens to the one that is chosen.
import {explained} from './controls';
import {h, LiveTable, setText} from './dom';
import {count, shortened, shown} from './format';
import {ask} from './token';

interface Ticket { id: string; owner?: string; token?: number; since: string }
interface Lock { name: string; holder: Ticket | null; waiting: number; queue?: Ticket[] }
interface Happened { event: string; ticket: string; owner?: string; token?: number; lease?: string }

const interval_ms = 1000;
const locks_max = 50;
const queue_max = 8;  // waiters that are named
const news_max = 50;

const addressOf = (name: string) => `/v1/locks/${encodeURIComponent(name)}`;
const who = (one: {id?: string; ticket?: string; owner?: string}) => shown(shortened(one.owner ?? one.id ?? one.ticket ?? '', 40));

async function read<Answer>(address: string): Promise<Answer> {
  const response = await ask(address, {cache: 'no-store'});
  if (!response.ok) throw new Error(await explained(response));
  return response.json() as Promise<Answer>;
}

/// Closed, it asks for nothing.
export class NamedLocks {
  private readonly table = new LiveTable('Named locks', ['lock', 'held by', 'token', 'since', 'wait, the next first'], 'Nobody holds a named lock.');
  private readonly state = h('p', {class: 'note', role: 'status'});
  private readonly title = h('h3', {});
  private readonly news = h('ol', {class: 'note', id: 'named-lock-events'});
  private readonly box = h('details', {toggle: () => this.toggle()}, h('summary', {}, 'Named locks'), this.state, this.table.element, this.title, this.news);
  readonly element = h('section', {id: 'named-locks'}, this.box);
  private timer = 0;
  private following: AbortController | undefined;
  private chosen: string | undefined;

  constructor() { this.table.element.id = 'named-locks-table'; }

  private toggle(): void {
    clearTimeout(this.timer);
    if (this.box.open) void this.update();
    else this.choose(undefined);
  }

  private async update(): Promise<void> {
    try {
      // Who looks at another page of the browser asks for nothing.
      if (!document.hidden) this.show(await this.locks());
      setText(this.state, '');
    } catch (error) {
      setText(this.state, `The locks cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
    clearTimeout(this.timer);
    if (this.box.open) this.timer = window.setTimeout(() => void this.update(), interval_ms);
  }

  private async locks(): Promise<{locks: Lock[]; next?: string}> {
    const page = await read<{locks: Lock[]; next?: string}>(`/v1/locks?limit=${locks_max}`);
    return {...page, locks: await Promise.all(page.locks.map(lock => lock.waiting === 0 ? lock : read<Lock>(`${addressOf(lock.name)}?limit=${queue_max}`)))};
  }

  private show({locks, next}: {locks: Lock[]; next?: string}): void {
    const rows = locks.map(({name, holder, waiting, queue = []}) => ({key: `lock ${name}`, data: {lock: name}, press: () => this.choose(name),
      cells: [shortened(name, 60), holder === null ? 'nobody' : who(holder), holder?.token === undefined ? '' : String(holder.token),
        holder === null ? '' : new Date(holder.since).toLocaleTimeString(),
        queue.map(who).join(', ') + (waiting > queue.length ? ` and ${count(waiting - queue.length)} more` : '')]}));
    if (next !== undefined) rows.push({key: 'more', data: {lock: ''}, press: () => undefined, cells: [`more than ${locks_max}`, '', '', '', '']});
    this.table.update(rows);
  }

  private choose(name: string | undefined): void {
    this.following?.abort();
    this.following = undefined;
    this.chosen = name === this.chosen ? undefined : name;
    this.news.replaceChildren();
    setText(this.title, this.chosen === undefined ? '' : `What happens to ${shortened(this.chosen, 60)}`);
    if (this.chosen === undefined) return;
    this.following = new AbortController();
    void this.follow(this.chosen, this.following.signal);
  }

  private async follow(name: string, signal: AbortSignal): Promise<void> {
    try {
      const response = await ask(`${addressOf(name)}/events?format=ndjson`, {signal, cache: 'no-store'});
      if (!response.ok || response.body === null) throw new Error(await explained(response));
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = '';;) {
        const {done, value} = await reader.read();
        if (done) throw new Error('the server ended the stream');
        const lines = (rest + value).split('\n');
        rest = lines.pop()!;
        for (const line of lines) if (line !== '') this.tell(JSON.parse(line) as Happened);
      }
    } catch (error) {
      if (!signal.aborted) setText(this.title, `The events of ${shortened(name, 60)} have ended: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private tell(one: Happened): void {
    if (one.event === 'progress') return;
    const token = one.token === undefined ? '' : `, token ${one.token}`;
    const what = one.ticket === undefined ? one.event : `${one.event}: ${who(one)}${token}`;
    this.news.prepend(h('li', {}, `${new Date().toLocaleTimeString()} ${what}`));
    while (this.news.children.length > news_max) this.news.lastElementChild!.remove();
  }
}
