// The part of Holdfast's HTTP interface that the page's data view uses, over a map. For tests alone: it can change values behind
// the page's back, lose its watchers, and end their connections.

export class FakeData {
  constructor(database = 'd1') {
    Object.assign(this, {database, revision: 0, keys: new Map(), watchers: new Set(), writes: []});
    this.beating = setInterval(() => this.tell('progress', ''), 1000);
  }

  close() { clearInterval(this.beating); }

  tag(revision) { return `"${this.database}-${revision}"`; }

  /// @param text JSON  @param ttl_s empty: it does not expire
  put(key, text, ttl_s) {
    const previous = this.keys.get(key)?.revision ?? null;
    this.keys.set(key, {text, revision: ++this.revision, expires: ttl_s === undefined ? undefined : performance.now() + ttl_s * 1000});
    this.change('put', key, previous, `,"value":${text}${ttl_s === undefined ? '' : `,"ttl":${ttl_s}`}`);
    return this.revision;
  }

  /// @param kind `delete` or `expire`
  remove(key, kind = 'delete') {
    const {revision} = this.keys.get(key);
    this.keys.delete(key);
    ++this.revision;
    this.change(kind, key, revision, '');
  }

  change(kind, key, previous, more) { this.tell(kind, key, `{"key":${JSON.stringify(key)},"revision":${this.revision},"previous":${previous}${more}}`); }

  tell(kind, key, data = '{}') {
    for (const watcher of this.watchers) {
      if (key.startsWith(watcher.prefix) || kind === 'progress' || kind === 'lost')
        watcher.response.write(`id: ${this.database}-${this.revision}\nevent: ${kind}\ndata: ${data}\n\n`);
    }
  }

  left(entry) { return entry.expires === undefined ? undefined : Math.max(0, (entry.expires - performance.now()) / 1000); }

  /// @return whether the request was one for data
  answer(request, response, {pathname, searchParams}) {
    if (pathname === '/v1/watch') this.watch(response, searchParams.get('prefix') ?? '');
    else if (pathname === '/v1/kv') this.list(response, searchParams);
    else if (pathname.startsWith('/v1/kv/') && !searchParams.has('hold')) this.one(request, response, decodeURIComponent(pathname.slice(7)), searchParams);
    else return false;
    return true;
  }

  watch(response, prefix) {
    response.writeHead(200, {'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache'});
    response.flushHeaders();
    const watcher = {response, prefix};
    this.watchers.add(watcher);
    response.on('close', () => this.watchers.delete(watcher));
  }

  list(response, parameters) {
    const prefix = parameters.get('prefix') ?? '', after = parameters.get('after'), limit = Number(parameters.get('limit') ?? 100);
    const names = new Map();
    for (const [key, entry] of this.keys) {
      if (!key.startsWith(prefix)) continue;
      const slash = key.indexOf('/', prefix.length);
      if (slash < 0) names.set(key, `{"key":${JSON.stringify(key)},"revision":${entry.revision},"bytes":${Buffer.byteLength(entry.text)}` +
        `${entry.expires === undefined ? '' : `,"ttl":${this.left(entry).toFixed(1)}`},"value":${entry.text}}`);
      else names.set(key.slice(0, slash + 1), undefined);
    }
    const wanted = [...names].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))).filter(([name]) => after === null || name > after);
    const page = wanted.slice(0, limit);
    response.writeHead(200, {'Content-Type': 'application/json'});
    response.end(`{"revision":${this.revision},"entries":[${page.flatMap(([, entry]) => entry ?? []).join(',')}],` +
      `"groups":${JSON.stringify(page.filter(([, entry]) => entry === undefined).map(([name]) => name))}` +
      `${wanted.length > limit ? `,"next":${JSON.stringify(page.at(-1)[0])}` : ''}}`);
  }

  one(request, response, key, parameters) {
    let body = '';
    request.on('data', chunk => { body += chunk; });
    request.on('end', () => {
      const entry = this.keys.get(key);
      const tag = entry && this.tag(entry.revision);
      if (request.method === 'GET') {
        if (!entry) return this.refuse(response, 404, 'there is no such key');
        const left = this.left(entry);
        response.writeHead(200, {'Content-Type': 'application/json', ETag: tag, ...(left === undefined ? {} : {'Holdfast-TTL': left.toFixed(1)})});
        return response.end(entry.text);
      }
      const {'if-match': match, 'if-none-match': none} = request.headers;
      const ttl = parameters.get('ttl');
      this.writes.push({method: request.method, key, match, none, ttl, body});
      if ((match !== undefined && match !== tag) || (none === '*' && entry))
        return this.refuse(response, 412, 'the key is not as it was', tag && {ETag: tag});
      if (request.method === 'DELETE') {
        this.remove(key);
        response.writeHead(204);
        return response.end();
      }
      try {
        JSON.parse(body);
      } catch {
        return this.refuse(response, 400, 'the value is not valid JSON');
      }
      const revision = this.put(key, body, ttl === 'keep' ? entry && this.left(entry) : ttl === null ? undefined : parseFloat(ttl));
      response.writeHead(entry ? 204 : 201, {ETag: this.tag(revision)});
      response.end();
    });
  }

  refuse(response, status, detail, fields = {}) {
    response.writeHead(status, {'Content-Type': 'application/problem+json', ...fields});
    response.end(JSON.stringify({title: 'Refused', detail}));
  }
}
