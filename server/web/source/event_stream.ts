// Follows /v1/lock/events. Uses fetch(), which delivers entire chunks, where an EventSource wakes the page for every
// message. Reconnects, resumes, and detects a silent server.
import type {LockEvent} from './wire';
import {ask} from './token';

/// Splits a text stream into server-sent messages (WHATWG HTML, "Interpreting an event stream"); supports what the
/// server uses.
export class MessageParser {
  private rest = '';
  private data = '';
  private type = '';
  private lastId: string | undefined;

  /// Calls `each` for every complete message with its data, the last id so far, and its type.
  feed(chunk: string, each: (data: string, id: string | undefined, type: string) => void): void {
    const text = this.rest + chunk;
    let begin = 0;
    for (let end; (end = text.indexOf('\n', begin)) >= 0; begin = end + 1) {
      const line = text.slice(begin, text[end - 1] === '\r' && end > begin ? end - 1 : end);
      if (line === '') {
        if (this.data !== '') each(this.data, this.lastId, this.type === '' ? 'message' : this.type);
        this.data = this.type = '';
      } else if (line.startsWith('data:')) {
        const value = line.slice(line[5] === ' ' ? 6 : 5);
        this.data = this.data === '' ? value : `${this.data}\n${value}`;
      } else if (line.startsWith('event:')) {
        this.type = line.slice(6).trim();
      } else if (line.startsWith('id:')) {
        this.lastId = line.slice(3).trim();
      }
    }
    this.rest = text.slice(begin);
    if (this.rest.length > 4e6) throw new Error('a message without an end');
  }
}

export type StreamState = {kind: 'connecting'} | {kind: 'live'} | {kind: 'waiting'; until_ms: number; why: string} | {kind: 'stopped'};

export interface Listener {
  event(event: LockEvent): void;
  state(state: StreamState): void;
}

const silence_max_ms = 15_000;  // three heartbeats
const retry_min_ms = 500;
const retry_max_ms = 5_000;

export class EventStream {
  private lastId: string | undefined;
  private start: string | undefined;
  private running: AbortController | undefined;

  constructor(private readonly url: string, private readonly listener: Listener) {}

  /// @param fromBeginning requests everything that the server still has
  open(fromBeginning: boolean): void {
    if (this.running !== undefined) return;
    this.running = new AbortController();
    void this.run(this.running.signal, fromBeginning);
  }

  close(): void {
    this.running?.abort();
    this.running = undefined;
    this.listener.state({kind: 'stopped'});
  }

  private async run(signal: AbortSignal, fromBeginning: boolean): Promise<void> {
    let retry_ms = retry_min_ms;
    while (!signal.aborted) {
      this.listener.state({kind: 'connecting'});
      let why = 'the server ended the stream';
      try {
        const restarted = await this.follow(signal, fromBeginning, () => {
          fromBeginning = false;
          retry_ms = retry_min_ms;
        });
        if (restarted) {
          fromBeginning = true;
          this.lastId = undefined;
          continue;
        }
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

  /// Reads one connection to its end. @return true if the server has restarted: its event numbers begin again, so the
  /// events must be requested from the beginning.
  private async follow(signal: AbortSignal, fromBeginning: boolean, connected: () => void): Promise<boolean> {
    const connection = new AbortController();
    const abort = () => connection.abort();
    signal.addEventListener('abort', abort);
    let watch = setTimeout(abort, silence_max_ms);
    try {
      const resumes = this.lastId !== undefined && !fromBeginning;
      const response = await ask(fromBeginning ? `${this.url}?from=0` : this.url, {
        signal: connection.signal, cache: 'no-store',
        headers: {Accept: 'text/event-stream', ...(resumes ? {'Last-Event-ID': this.lastId!} : {})},
      });
      if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`);
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      const parser = new MessageParser();
      let restarted = false;
      for (;;) {
        const {done, value} = await reader.read();
        if (done) return false;
        clearTimeout(watch);
        watch = setTimeout(abort, silence_max_ms);
        parser.feed(decoder.decode(value, {stream: true}), (data, id) => {
          if (restarted) return;
          const event = JSON.parse(data) as LockEvent;
          if (event.type === 'hello') {
            restarted = resumes && this.start !== undefined && event.start !== this.start;
            this.start = event.start;
            if (restarted) return;
            connected();
            this.listener.state({kind: 'live'});
          }
          this.lastId = id ?? this.lastId;
          this.listener.event(event);
        });
        if (restarted) return true;
      }
    } finally {
      clearTimeout(watch);
      signal.removeEventListener('abort', abort);
      connection.abort();
    }
  }
}
