// A server that speaks the part of Holdfast's HTTP interface that its page uses: a FIFO lock over timers, with a writer.
// For tests alone: it can restart, go away, be called something hostile, lose messages, and flood.
import {randomBytes} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {join} from 'node:path';

const types = {'page.html': 'text/html; charset=utf-8', 'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8', 'page.svg': 'image/svg+xml'};

/// What the server sends with its page; must be the C++ constant page_policy.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'";

export class FakeServer {
  /// @param directory of the built page  @param options `data`: a FakeData for the data view
  constructor(directory, options = {}) {
    this.directory = directory;
    this.data = options.data;
    this.options = {writer_period_ms: 350, live: true, ring: 20_000, ...options};
    this.settings = {read_hold_ms: 0, writer_period_ms: this.options.writer_period_ms, live: this.options.live};
    this.begin();
  }

  get url() { return `http://127.0.0.1:${this.port}`; }

  async listen(port = 0) {
    this.http = createServer((request, response) => this.answer(request, response));
    await new Promise(resolve => this.http.listen(port, '127.0.0.1', resolve));
    this.port = this.http.address().port;
    return this;
  }

  async close() {
    this.data?.close();
    clearTimeout(this.writing);
    clearTimeout(this.timer);
    clearInterval(this.beating);
    clearInterval(this.flooding);
    this.http.closeAllConnections();
    await new Promise(resolve => this.http.close(resolve));
  }

  /// A past: these events, which happened this long ago.
  replay(events, ago_ms) {
    this.began -= BigInt(Math.round(ago_ms * 1e6));
    for (const event of events) this.tell(event);
    this.ids = Math.max(...events.map(event => event.id));
  }

  /// Cannot be reached until listen(port), while everything goes on inside.
  async vanish() {
    this.http.closeAllConnections();
    await new Promise(resolve => this.http.close(resolve));
  }

  /// Another process on the same port.
  async restart(down_ms = 0) {
    await this.close();
    await new Promise(resolve => setTimeout(resolve, down_ms));
    this.begin();
    await this.listen(this.port);
  }

  begin() {
    Object.assign(this, {began: process.hrtime.bigint(), start: randomBytes(4).toString('hex'), ids: 0, sequence: 0, ring: [],
      streams: new Set(), owner: undefined, queue: [], finished: []});
    this.beating = setInterval(() => this.streams.forEach(stream => this.send(stream, undefined, {type: 'heartbeat', now_ns: this.now()})), 1000);
    this.write();
  }

  now() { return Number(process.hrtime.bigint() - this.began); }

  write() {
    if (this.settings.writer_period_ms === 0) return;
    this.writing = setTimeout(() => this.ask({source: 'writer', operation: 'PUT', key: 'my-key', hold_ms: 0, request_id: null,
      then: () => this.write()}), this.settings.writer_period_ms);
  }

  /// Asks for the lock in the name of anybody; `then` is called with the finished request.
  ask(request) {
    const one = {...request, id: ++this.ids, asked_ns: this.now(), granted_ns: null};
    one.request_id = request.request_id === undefined ? `${this.start}-${one.id}` : request.request_id;
    one.position = (this.owner ? 1 : 0) + this.queue.length;
    if (this.owner) {
      this.queue.push(one);
      this.tell({type: 'asked', ...this.who(one), position: one.position, asked_ns: one.asked_ns});
    } else {
      this.grant(one);
    }
    return one;
  }

  /// Leaves the queue, or ends its hold.
  stop(one, outcome) {
    if (this.owner === one) this.release(outcome);
    else if (this.queue.includes(one)) {
      this.queue.splice(this.queue.indexOf(one), 1);
      this.finish(one, outcome);
    }
  }

  grant(one) {
    this.owner = one;
    one.granted_ns = one.position === 0 ? one.asked_ns : this.now();
    if (one.hold_ms > 0) {
      this.tell({type: 'granted', ...this.who(one), position: one.position, asked_ns: one.asked_ns, granted_ns: one.granted_ns,
        hold_ns: one.hold_ms * 1e6});
      this.timer = setTimeout(() => this.release('released'), one.hold_ms);
    } else {
      this.release('released');
    }
  }

  release(outcome) {
    const one = this.owner;
    clearTimeout(this.timer);
    this.owner = undefined;
    this.finish(one, outcome);
    const next = this.queue.shift();
    if (next) this.grant(next);
  }

  finish(one, outcome) {
    one.ended_ns = this.now();
    const until = one.granted_ns ?? one.ended_ns;
    const behind = this.finished.filter(other => other.granted_ns !== null && other.ended_ns > one.asked_ns && other.granted_ns < until)
      .map(other => ({id: other.id, source: other.source, operation: other.operation, key: other.key,
        held_ns: Math.min(other.ended_ns, until) - Math.max(other.granted_ns, one.asked_ns)}))
      .sort((a, b) => b.held_ns - a.held_ns);
    const others = behind.splice(8);
    this.finished.push(one);
    if (this.finished.length > 200) this.finished.shift();
    this.tell({type: 'done', ...this.who(one), position: one.position, asked_ns: one.asked_ns, granted_ns: one.granted_ns,
      ended_ns: one.ended_ns, outcome, behind, behind_others: {count: others.length, held_ns: others.reduce((sum, other) => sum + other.held_ns, 0)}});
    one.then?.(one);
  }

  who(one) { return {id: one.id, source: one.source, request_id: one.request_id, operation: one.operation, key: one.key}; }

  tell(event) {
    const sequence = ++this.sequence;
    this.ring.push([sequence, event]);
    if (this.ring.length > 2 * this.options.ring) this.ring = this.ring.slice(-this.options.ring);
    for (const stream of this.streams) this.send(stream, sequence, event);
  }

  send(stream, sequence, event) {
    stream.write(`${sequence === undefined ? '' : `id: ${sequence}\n`}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  drop(count) { for (const stream of this.streams) this.send(stream, undefined, {type: 'dropped', count}); }

  /// Events of `sources` clients that keep the lock busy, so many a second; in place of an earlier flood.
  flood(per_second, sources = 64) {
    clearInterval(this.flooding);
    let due = performance.now();
    const text = [];
    this.flooding = setInterval(() => {
      const events = Math.min(2 * per_second, Math.floor((performance.now() - due) * per_second / 1000));
      due += events * 1000 / per_second;
      const end = this.now();
      const each_ns = Math.round(1e9 / per_second);
      for (let index = 0; index < events; ++index) {
        const ended_ns = end - (events - index) * each_ns, granted_ns = ended_ns - Math.round(each_ns * 0.7);
        const waits = index % 4 !== 0;
        const id = ++this.ids;
        const asked_ns = waits ? granted_ns - Math.round(each_ns * (1 + id % 16)) : granted_ns;
        const event = {type: 'done', id, source: `10.0.0.${id % sources}:5123`, request_id: id.toString(16), operation: id % 3 ? 'GET' : 'PUT',
          key: `user${id % 1000}`, position: waits ? 1 + id % 16 : 0, asked_ns, granted_ns, ended_ns, outcome: 'released',
          behind: waits ? [{id: id - 1, source: `10.0.0.${(id - 1) % sources}:5123`, operation: 'GET', key: `user${(id - 1) % 1000}`, held_ns: granted_ns - asked_ns}] : [],
          behind_others: {count: 0, held_ns: 0}};
        text.push(`id: ${++this.sequence}\nevent: done\ndata: ${JSON.stringify(event)}\n\n`);
      }
      const whole = text.join('');
      text.length = 0;
      for (const stream of this.streams) stream.write(whole);
    }, 20);
  }

  answer(request, response) {
    const url = new URL(request.url, 'http://localhost');
    if (this.data?.answer(request, response, url)) return;
    const {pathname, searchParams} = url;
    const file = pathname === '/' ? 'page.html' : pathname.startsWith('/assets/') ? pathname.slice(8) : undefined;
    if (file !== undefined && types[file]) {
      response.writeHead(200, {'Content-Type': types[file], 'Content-Security-Policy': policy, 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-cache'});
      response.end(readFileSync(join(this.directory, file)));
    } else if (pathname === '/v1/lock/events') {
      this.stream(request, response, searchParams);
    } else if (pathname === '/version') {
      this.json(response, 200, {name: 'holdfast-server', version: '1.2.3', api: 'v1'});
    } else if (pathname === '/v1/lock') {
      this.json(response, 200, this.state());
    } else if (pathname === '/v1/settings' && request.method === 'PATCH') {
      this.patch(request, response);
    } else if (pathname.startsWith('/v1/kv/')) {
      const hold = /^(\d+)(ms|s)$/.exec(searchParams.get('hold') ?? `${this.settings.read_hold_ms}ms`);
      const one = this.ask({source: request.headers['holdfast-source'] ?? `127.0.0.1:${request.socket.remotePort}`, operation: request.method, key: decodeURIComponent(pathname.slice(7)),
        hold_ms: Number(hold[1]) * (hold[2] === 's' ? 1000 : 1), then: done => {
          response.writeHead(200, {'Content-Type': 'application/json', 'Holdfast-Request-Id': done.request_id,
            'Server-Timing': `wait;dur=${((done.granted_ns ?? done.ended_ns) - done.asked_ns) / 1e6}, hold;dur=${(done.ended_ns - done.granted_ns) / 1e6}`});
          response.end('1');
        }});
      response.on('close', () => { if (!response.writableEnded) this.stop(one, 'hung_up'); });
    } else {
      this.json(response, 404, {title: 'Not Found', detail: 'there is nothing here'}, 'application/problem+json');
    }
  }

  stream(request, response, parameters) {
    response.writeHead(200, {'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache'});
    this.send(response, undefined, {type: 'hello', now_ns: this.now(), started_at: '2026-11-24T13:50:00.123Z', start: this.start, settings: this.settings});
    const from = parameters.get('from') ?? request.headers['last-event-id'];
    if (from !== undefined && from !== null) {
      for (const [sequence, event] of this.ring) if (sequence > Number(from)) this.send(response, sequence, event);
    }
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
  }

  state() {
    const now_ns = this.now();
    return {now_ns, owner: this.owner ? {...this.who(this.owner), held_ms: (now_ns - this.owner.granted_ns) / 1e6, granted_ns: this.owner.granted_ns} : null,
      queue: this.queue.map(one => ({...this.who(one), waited_ms: (now_ns - one.asked_ns) / 1e6, asked_ns: one.asked_ns})), queue_length: this.queue.length};
  }

  patch(request, response) {
    let body = '';
    request.on('data', chunk => { body += chunk; });
    request.on('end', () => {
      if (!this.settings.live) return this.json(response, 403, {title: 'Forbidden', detail: 'settings are fixed', code: 'settings_fixed'}, 'application/problem+json');
      const change = JSON.parse(body);
      this.patches = [...this.patches ?? [], change];
      const ms = text => text === '0' ? 0 : parseFloat(text) * (text.endsWith('us') ? 0.001 : text.endsWith('ms') ? 1 : 1000);
      const wrote = this.settings.writer_period_ms;
      this.settings = {...this.settings, ...(change.read_hold !== undefined && {read_hold_ms: ms(change.read_hold)}),
        ...(change.writer_period !== undefined && {writer_period_ms: ms(change.writer_period)})};
      if (wrote === 0) this.write();
      this.tell({type: 'settings', settings: this.settings});
      this.json(response, 200, {read_hold: `${this.settings.read_hold_ms}ms`, writer_period: `${this.settings.writer_period_ms}ms`, live: true});
    });
  }

  json(response, status, value, type = 'application/json') {
    response.writeHead(status, {'Content-Type': type});
    response.end(JSON.stringify(value));
  }
}

// By hand: node fake_server.mjs DIRECTORY PORT [EVENTS_PER_SECOND]
if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [directory, port, per_second] = process.argv.slice(2);
  const server = await new FakeServer(directory).listen(Number(port));
  if (per_second) server.flood(Number(per_second));
  console.log(server.url);
}
