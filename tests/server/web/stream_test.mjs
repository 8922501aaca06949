// The page's side of the event stream, against a server that ends, restarts and falls silent.
import assert from 'node:assert/strict';
import {createServer} from 'node:http';
import {describe, test} from 'node:test';
import {load} from './modules.mjs';

const {MessageParser, EventStream} = await load('event_stream');

const message = (type, id, more = {}) => `${id === undefined ? '' : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify({type, ...more})}\n\n`;

describe('messages', () => {
  const read = chunks => {
    const parser = new MessageParser(), found = [];
    for (const chunk of chunks) parser.feed(chunk, (data, id) => found.push([data, id]));
    return found;
  };
  const text = ': hello\n\nid: 7\nevent: done\ndata: {"a":1}\n\nretry: 5\ndata:{"b":2}\n\ndata: x\ndata: y\n\n';
  const wanted = [['{"a":1}', '7'], ['{"b":2}', '7'], ['x\ny', '7']];
  test('are the same wherever the stream is cut', () => {
    for (let cut = 0; cut <= text.length; ++cut) assert.deepEqual(read([text.slice(0, cut), text.slice(cut)]), wanted);
    assert.deepEqual(read([...text]), wanted);
  });
  test('may end their lines with CR LF', () => assert.deepEqual(read([text.replaceAll('\n', '\r\n')]), wanted));
  test('without an end are refused before they fill the memory', () => {
    const parser = new MessageParser();
    assert.throws(() => { for (let times = 0; times < 100; ++times) parser.feed('x'.repeat(100_000), () => {}); });
  });
});

/// Runs a stream against one script for each connection. @return what was asked and heard, once `until` holds
async function follow(scripts, until, from_beginning = false) {
  const asked = [], heard = [], states = [];
  const server = createServer((request, response) => {
    asked.push([request.url, request.headers['last-event-id']]);
    const script = scripts[Math.min(asked.length, scripts.length) - 1];
    script(response);
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  let finished;
  const all = new Promise(resolve => { finished = resolve; });
  const stream = new EventStream(`http://127.0.0.1:${server.address().port}/v1/lock/events`, {
    event: event => { heard.push(event.type === 'hello' ? `hello ${event.start}` : event.n); if (until(heard)) finished(); },
    state: state => states.push(state.kind),
  });
  stream.open(from_beginning);
  await all;
  stream.close();
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
  return {asked, heard, states};
}

const says = (...parts) => response => {
  response.writeHead(200, {'Content-Type': 'text/event-stream'});
  response.write(parts.join(''));
};
const saysAndEnds = (...parts) => response => { says(...parts)(response); response.end(); };
const hello = start => message('hello', undefined, {start});

describe('the stream', () => {
  test('goes on after the last message that it has, when the connection ends', async () => {
    const {asked, heard, states} = await follow([
      saysAndEnds(hello('a'), message('done', 41, {n: 1})), says(hello('a'), message('done', 42, {n: 2})),
    ], heard => heard.includes(2));
    assert.deepEqual(asked, [['/v1/lock/events', undefined], ['/v1/lock/events', '41']]);
    assert.deepEqual(heard, ['hello a', 1, 'hello a', 2]);
    assert.deepEqual(states, ['connecting', 'live', 'waiting', 'connecting', 'live', 'stopped']);
  });

  test('asks another process for its events from the beginning, and takes none that are numbered otherwise', async () => {
    const {asked, heard} = await follow([
      saysAndEnds(hello('a'), message('done', 41, {n: 1})), says(hello('b'), message('done', 50, {n: 'skipped'})),
      says(hello('b'), message('done', 3, {n: 3})),
    ], heard => heard.includes(3));
    assert.deepEqual(asked.map(([url, id]) => [url, id]), [['/v1/lock/events', undefined], ['/v1/lock/events', '41'], ['/v1/lock/events?from=0', undefined]]);
    assert.deepEqual(heard, ['hello a', 1, 'hello b', 3]);
  });

  test('asks for the past of a linked moment once', async () => {
    const {asked} = await follow([saysAndEnds(hello('a'), message('done', 9, {n: 1})), says(hello('a'), message('done', 10, {n: 2}))],
      heard => heard.includes(2), true);
    assert.deepEqual(asked, [['/v1/lock/events?from=0', undefined], ['/v1/lock/events', '9']]);
  });

  test('tries again when the server refuses', async () => {
    const {heard, states} = await follow([response => { response.writeHead(503); response.end(); }, says(hello('a'), message('done', 1, {n: 1}))],
      heard => heard.includes(1));
    assert.deepEqual(heard, ['hello a', 1]);
    assert.ok(states.includes('waiting'));
  });
});
