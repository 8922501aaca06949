// What the page knows, without a document.
import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import {asked, done, granted, hello, lesson, ns} from './events.mjs';
import {load} from './modules.mjs';

const {Model, Records, Names, Histogram, Totals, ServerClock, Seconds} =
  await load('model', 'records', 'names', 'histogram', 'totals', 'server_clock', 'seconds');

const modelOf = (events, capacity) => {
  const model = new Model(capacity);
  for (const event of events) model.apply(event, 0);
  return model;
};

describe('the model', () => {
  test('knows who holds and who waits, in order of arrival', () => {
    const model = modelOf([hello(), ...lesson.slice(0, 4)]);
    assert.equal(model.owner().source, '10.0.0.1:1001');
    assert.equal(model.owner().hold_ns, ns(1000));
    assert.deepEqual(model.queue().map(one => one.source), ['writer', '10.0.0.2:1002']);
  });

  test('has nobody waiting when all have ended, and every record as it was told', () => {
    const model = modelOf([hello(), ...lesson]);
    assert.equal(model.open.size, 0);
    const told = lesson.filter(event => event.type === 'done').map(({type, ...rest}) => rest);
    const kept = [];
    for (let record = model.records.first; record < model.records.next; ++record) kept.push(model.records.get(record));
    assert.deepEqual(kept, told);
  });

  test('blames each source with the whole time that others waited behind it', () => {
    const model = modelOf([hello(), ...lesson]);
    const {named, rest} = model.blamedSources.top(8);
    assert.deepEqual(named.map(total => [total.name, Math.round(total.held_ns / 1e4) / 100, total.waits]), [
      ['10.0.0.2:1002', 1050.03, 2], ['10.0.0.1:1001', 950, 2], ['10.0.0.3:1003', 650.01, 1], ['writer', 0.02, 2]]);
    assert.equal(rest, undefined);
    assert.deepEqual(model.blamedOperations.top(8).named.map(total => total.name), ['GET', 'PUT']);
    assert.deepEqual(model.blamedKeys.top(8).named.map(total => [total.name, total.held_ns]), [['my-key', model.blamedSources.sum_ns]]);
  });

  test('sums blame by operation over all keys, whatever an operation names', () => {
    const behind = (id, operation, key) => ({behind: [{id, source: 'b:1', operation, key, held_ns: ns(1)}]});
    const model = modelOf([hello(), done(10, 'a:1', 0, 1, 2, [], behind(1, 'GET', 'x')), done(11, 'a:1', 0, 1, 2, [], behind(2, 'GET', 'y')),
      done(12, 'a:1', 0, 1, 2, [], behind(3, 'LIST users/', '')), done(13, 'a:1', 0, 1, 2, [], behind(4, 'LIST jobs/', ''))]);
    assert.deepEqual(model.blamedOperations.top(8).named.map(total => [total.name, total.waits]), [['GET', 2], ['LIST', 2]]);
  });

  // It went on counting: 20 s after the server had died the page showed "longest hold now 20.5 s, waiting now 2".
  test('stands still at the last message while it is frozen', () => {
    const model = new Model(16);
    model.apply(hello('a1', 1000), 5000);
    model.apply(granted(1, 'a:1', 1400, 1400, 60_000), 5500);
    assert.equal(model.now_ns(6500), ns(2500));
    model.frozen = true;
    assert.deepEqual([model.now_ns(6500), model.now_ns(26_500), model.heard_ms], [ns(1400), ns(1400), 5500]);
    model.frozen = false;
    model.apply({type: 'heartbeat', now_ns: ns(23_000)}, 27_000);
    assert.equal(model.now_ns(27_000), ns(23_000));
  });

  test('knows when a request that it does not have is unknown to the server, too', () => {
    const model = modelOf([hello('a1', 1000), done(1, 'a:1', 400, 400, 500)]);
    const free = {now_ns: ns(1000), owner: null, queue: [], queue_length: 0};
    model.reconcile(free);
    assert.equal(model.complete, false, 'more of the past may come');
    model.apply(done(2, 'a:1', 1001, 1001, 1002), 0);
    assert.equal(model.complete, true);
    model.apply(hello('a1', 2000), 0);
    assert.equal(model.complete, false, 'another connection');
    model.apply({type: 'heartbeat', now_ns: ns(2500)}, 0);
    assert.equal(model.complete, false, 'who holds and waits has not been asked yet');
    model.reconcile(free);
    assert.equal(model.complete, true);
  });

  test('counts those beyond the eight longest among the others, so that no time is lost', () => {
    const model = modelOf([hello(), done(9, 'a:1', 0, 10, 11, [[1, 'b:1', 4]], {behind_others: {count: 3, held_ns: ns(6)}})]);
    const {rest} = model.blamedSources.top(8);
    assert.deepEqual([rest.held_ns, rest.waits, model.blamedSources.sum_ns], [ns(6), 3, ns(10)]);
  });

  test('forgets everything when another process answers, because ids and times begin again', () => {
    const model = modelOf([hello('a1'), ...lesson.slice(0, 6), {type: 'dropped', count: 3}]);
    model.apply(hello('b2', 5), 0);
    assert.deepEqual([model.open.size, model.records.next, model.requests, model.dropped, model.gaps.length, model.waits.count], [0, 0, 0, 0, 0, 0]);
    assert.equal(model.blamedSources.top(8).named.length, 0);
    assert.equal(model.now_ns(0), ns(5));
  });

  test('keeps everything when the same process answers again', () => {
    const model = modelOf([hello('a1'), ...lesson, hello('a1', 4000)]);
    assert.equal(model.requests, 7);
  });

  test('tells how many messages were lost, and where', () => {
    const model = modelOf([hello(), ...lesson.slice(0, 6), {type: 'dropped', count: 12}, {type: 'dropped', count: 8}]);
    assert.deepEqual([model.dropped, model.doubtful], [20, true]);
    assert.deepEqual(model.gaps, [{from_ns: ns(1100.01), to_ns: ns(1100.01), count: 20, cause: 'dropped'}]);
  });

  test('is set right by the state of the lock after a loss', () => {
    const model = modelOf([hello(), granted(1, 'a:1', 0, 0, 500), asked(2, 'b:1', 10), {type: 'dropped', count: 9}]);
    const who = (id, source) => ({id, source, request_id: null, operation: 'GET', key: 'k'});
    model.reconcile({now_ns: ns(900), owner: {...who(7, 'c:1'), granted_ns: ns(600)}, queue: [{...who(8, 'd:1'), asked_ns: ns(700)}], queue_length: 1});
    assert.equal(model.owner().id, 7);
    assert.deepEqual(model.queue().map(one => one.id), [8]);
    assert.equal(model.doubtful, false);
  });

  test('does not bring back a request that has ended while the state was on its way', () => {
    const model = modelOf([hello(), done(7, 'c:1', 0, 0, 5)]);
    const state = {id: 7, source: 'c:1', request_id: null, operation: 'GET', key: 'k', granted_ns: 0};
    model.reconcile({now_ns: ns(3), owner: state, queue: [], queue_length: 0});
    assert.equal(model.owner(), undefined);
  });

  test('takes nobody out of the queue for an answer that has only its head', () => {
    const model = modelOf([hello(), asked(2, 'b:1', 10), asked(3, 'c:1', 11)]);
    model.reconcile({now_ns: ns(900), owner: null, queue: [{id: 2, source: 'b:1', operation: 'GET', key: 'k', asked_ns: ns(10)}], queue_length: 2});
    assert.equal(model.queue().length, 2);
  });

  test('ignores what a newer server may tell', () => {
    const model = modelOf([hello(), {type: 'weather', sunny: true}, done(1, 'a:1', 0, 0, 1, [], {colour: 'red'})]);
    assert.equal(model.requests, 1);
  });

  test('stays bounded however much comes', () => {
    const model = modelOf([hello()], 1024);
    for (let id = 1; id <= 50_000; ++id)
      model.apply(done(id, `10.0.0.1:${id}`, id, id + 1, id + 2, [[id - 1, `10.0.0.1:${id - 1}`, 1]], {key: `key ${id}`}), 0);
    assert.equal(model.records.next - model.records.first, 1024);
    assert.ok(model.records.names.size < 8 * 1024, String(model.records.names.size));
    assert.equal(model.requests, 50_000);
    assert.equal(model.blamedSources.sum_ns, 50_000 * ns(1));
    for (let id = 60_000; id < 100_000; ++id) model.apply(asked(id, 'x:1', id), 0);
    assert.ok(model.open.size <= 20_000);
  });
});

describe('records', () => {
  test('keep what somebody looks at, and say what found no room', () => {
    const records = new Records(8);
    for (let id = 1; id <= 8; ++id) assert.ok(records.add(done(id, 'a:1', id, id, id + 1)));
    records.keepFrom = 2;
    assert.deepEqual([9, 10, 11].map(id => records.add(done(id, 'a:1', id, id, id + 1))), [true, true, false]);
    assert.equal(records.get(2).id, 3);
    records.keepFrom = Infinity;
    assert.ok(records.add(done(12, 'a:1', 12, 12, 13)));
    assert.equal(records.find(3), undefined);
  });

  test('forget the oldest when their texts grow too long', () => {
    const records = new Records(1024, 10_000);
    for (let id = 1; id <= 100; ++id) records.add(done(id, 'a:1', id, id, id + 1, [], {key: String(id).padStart(1000, 'x')}));
    assert.ok(records.next - records.first <= 12 && records.next - records.first >= 8, String(records.next - records.first));
    assert.equal(records.get(records.next - 1).id, 100);
  });

  test('are found by time, by id and by request id', () => {
    const records = new Records(4096);
    for (let id = 1; id <= 4000; ++id) records.add(done(id, 'a:1', id, id, id + 0.5));
    const first = records.firstEndedFrom(ns(3000));
    assert.ok(records.get(first).ended_ns < ns(3000) && first > 2500, String(first));
    assert.equal(records.get(records.find(77)).id, 77);
    assert.equal(records.get(records.findRequestId('ff')).id, 255);
    assert.equal(records.find(5000), undefined);
  });
});

test('a text is kept for as long as it is used', () => {
  const names = new Names();
  const first = names.take('a');
  assert.equal(names.take('a'), first);
  names.giveBack(first);
  assert.equal(names.text(first), 'a');
  names.giveBack(first);
  assert.deepEqual([names.text(first), names.characters, names.find('a')], ['', 0, undefined]);
  assert.equal(names.take('b'), first);
});

test('a percentile is exact to a hundredth, from nanoseconds to hours', () => {
  for (const scale of [1, 1e3, 1e6, 1e9, 3.6e12]) {
    const histogram = new Histogram();
    const values = Array.from({length: 5000}, (_, index) => Math.max(1, Math.round(scale * (1 + (index * 7919 % 5000) / 100))));
    values.forEach(value => histogram.add(value));
    values.sort((a, b) => a - b);
    for (const share of [0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = values[Math.max(0, Math.ceil(share * values.length) - 1)];
      assert.ok(Math.abs(histogram.quantile(share) / exact - 1) < 0.01, `${scale} ${share} ${histogram.quantile(share)} ${exact}`);
    }
    assert.equal(histogram.max, values.at(-1));
  }
  const empty = new Histogram();
  assert.equal(empty.quantile(0.5), undefined);
  empty.add(0);
  assert.equal(empty.quantile(0.5), 0);
});

test('sums stay whole when there are too many names', () => {
  const totals = new Totals(10);
  for (let name = 0; name < 1000; ++name) totals.add(`client ${name}`, name);
  totals.add('client 999', 1e6);
  const {named, rest} = totals.top(3);
  assert.equal(named[0].name, 'client 999');
  assert.equal(named.reduce((sum, one) => sum + one.held_ns, rest.held_ns), 999 * 500 + 1e6);
  assert.equal(named.reduce((sum, one) => sum + one.waits, rest.waits), 1001);
});

test("the server's clock is told by its least delayed message, and followed when the two run apart", () => {
  const clock = new ServerClock();
  clock.heard(ns(1000), 40);
  clock.heard(ns(1050), 60);
  clock.heard(ns(1060), 120);
  assert.equal(clock.now_ns(160), ns(1150));
  // A server whose clock loses 1 % against the page's.
  for (let now_ms = 1000; now_ms < 200_000; now_ms += 1000) clock.heard(ns(1000 + now_ms * 0.99), now_ms);
  assert.ok(Math.abs(clock.now_ns(200_000) / ns(199_000) - 1) < 0.005);
});

test('each second has its own percentiles, and an idle one none', () => {
  const seconds = new Seconds(5);
  seconds.add(ns(500), ns(10), ns(1));
  seconds.add(ns(700), ns(10), null);
  seconds.add(ns(3200), 0, ns(2));
  assert.deepEqual(seconds.rows.map(row => row.second), [0, 1, 2]);
  assert.ok(Math.abs(seconds.rows[0].wait_p50_ns / ns(10) - 1) < 0.01);
  assert.deepEqual([seconds.rows[1].wait_p50_ns, seconds.rows[1].hold_p99_ns], [null, null]);
  assert.deepEqual([seconds.rows.map(row => row.requests), seconds.rate], [[2, 0, 0], 2 / 3]);
  seconds.moveTo(ns(3_600_000));
  assert.equal(seconds.rows.length, 5);
  assert.equal(seconds.rows.at(-1).second, 3599);
});
