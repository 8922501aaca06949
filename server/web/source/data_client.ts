// Requests of the data view: lists, single keys, conditional writes, and the watch for changes.
import {explained} from './controls';
import {readChange, type Change} from './data_model';
import {MessageParser, type StreamState} from './event_stream';
import {ask} from './token';

const source = {'Holdfast-Source': 'data view'};
const page_keys = 100;

export interface Value { text: string; tag: string; ttl_s: number | undefined }

/// Another client has changed the key.
export class Conflict extends Error {}

/// Browsers remove these from an address, in any encoding (WHATWG URL §4.4).
export function cannotBeAddressed(key: string): boolean { return key === '' || key === '.' || key === '..'; }

function addressOf(key: string): string { return `/v1/kv/${encodeURIComponent(key)}`; }

async function request(address: string, options: RequestInit): Promise<Response> {
  const response = await ask(address, {cache: 'no-store', ...options, headers: {...source, ...options.headers}});
  if (response.status === 412) throw new Conflict(await explained(response));
  return response;
}

/// @return one page of the list as JSON text
export async function list(prefix: string, after: string | undefined, signal: AbortSignal): Promise<string> {
  const query = new URLSearchParams({prefix, delimiter: '/', limit: String(page_keys), values: 'true'});
  if (after !== undefined) query.set('after', after);
  const response = await request(`/v1/kv?${query}`, {signal});
  if (!response.ok) throw new Error(await explained(response));
  return response.text();
}

/// @return undefined if the key does not exist
export async function get(key: string): Promise<Value | undefined> {
  const response = await request(addressOf(key), {});
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(await explained(response));
  const ttl = response.headers.get('Holdfast-TTL');
  return {text: await response.text(), tag: response.headers.get('ETag') ?? '', ttl_s: ttl === null ? undefined : Number(ttl)};
}

/// Writes only if the key has not changed. @param tag of the value to replace; undefined to create the key
/// @param ttl a duration, `keep`, or empty for none @return the new tag @throws Conflict
export async function put(key: string, text: string, tag: string | undefined, ttl: string): Promise<string> {
  const response = await request(`${addressOf(key)}${ttl === '' ? '' : `?ttl=${encodeURIComponent(ttl)}`}`, {method: 'PUT', body: text,
    headers: {'Content-Type': 'application/json', ...(tag === undefined ? {'If-None-Match': '*'} : {'If-Match': tag})}});
  if (!response.ok) throw new Error(await explained(response));
  return response.headers.get('ETag') ?? '';
}

/// @throws Conflict
export async function remove(key: string, tag: string): Promise<void> {
  const response = await request(addressOf(key), {method: 'DELETE', headers: {'If-Match': tag}});
  if (!response.ok && response.status !== 404) throw new Error(await explained(response));
}

export interface WatchListener {
  /// The watch has begun: all later changes are reported, so a list requested now completes the picture.
  opened(): void;
  change(change: Change): void;
  heard(): void;
  state(state: StreamState): void;
}

const silence_max_ms = 15_000;  // three times the interval of progress messages
const retry_min_ms = 500;
const retry_max_ms = 5_000;

/// Reports the changes below a prefix until it is closed. It reconnects without resuming; opened() must request a new
/// list.
export class Watch {
  private readonly running = new AbortController();

  /// Calls the listener only after the constructor has returned.
  constructor(private readonly prefix: string, private readonly listener: WatchListener) {
    queueMicrotask(() => void this.run(this.running.signal));
  }

  get signal(): AbortSignal { return this.running.signal; }
  close(): void { this.running.abort(); }

  private async run(signal: AbortSignal): Promise<void> {
    let retry_ms = retry_min_ms;
    while (!signal.aborted) {
      this.listener.state({kind: 'connecting'});
      let why = 'the server ended the watch';
      try {
        await this.follow(signal, () => { retry_ms = retry_min_ms; });
      } catch (error) {
        why = error instanceof Error ? error.message : String(error);
      }
      if (signal.aborted) return;
      const pause_ms = retry_ms * (0.75 + Math.random() / 2);
      this.listener.state({kind: 'waiting', until_ms: performance.now() + pause_ms, why});
      await new Promise(resolve => setTimeout(resolve, pause_ms));
      retry_ms = Math.min(retry_ms * 2, retry_max_ms);
    }
  }

  private async follow(signal: AbortSignal, connected: () => void): Promise<void> {
    const connection = new AbortController();
    const abort = () => connection.abort();
    signal.addEventListener('abort', abort);
    let silence = setTimeout(abort, silence_max_ms);
    try {
      const response = await ask(`/v1/watch?${new URLSearchParams({prefix: this.prefix})}`,
        {signal: connection.signal, cache: 'no-store', headers: {Accept: 'text/event-stream'}});
      if (!response.ok || response.body === null) throw new Error(await explained(response));
      connected();
      this.listener.state({kind: 'live'});
      this.listener.opened();
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      const parser = new MessageParser();
      for (let isLost = false; !isLost;) {
        const {done, value} = await reader.read();
        if (done) return;
        clearTimeout(silence);
        silence = setTimeout(abort, silence_max_ms);
        this.listener.heard();
        parser.feed(decoder.decode(value, {stream: true}), (data, _id, type) => {
          isLost ||= type === 'lost';
          const change = readChange(type, data);
          if (change !== undefined && !isLost) this.listener.change(change);
        });
      }
      throw new Error('the server was faster than this page');
    } finally {
      clearTimeout(silence);
      signal.removeEventListener('abort', abort);
      connection.abort();
    }
  }
}
