// What is to be drawn and said, without a canvas.
import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import {asked, done, granted, hello, lesson, ns} from './events.mjs';
import {load} from './modules.mjs';

const {Model, View, stepFor, Lanes, LaneChoice, LaneColours, activityIn, buildScene, pick, story, openStory, toFragment, fromFragment, duration,
  moment, useWallClock, axisOrigin_ns, shown, shortened, ordinal, weightiest, roleOf} =
  await load('model', 'span', 'lanes', 'scene', 'story', 'fragment', 'format', 'mirror', 'theme', 'cluster_role');

const modelOf = (...events) => {
  const model = new Model(16_384);
  for (const event of [hello(), ...events]) model.apply(event, 0);
  return model;
};
const span = (from_ms, to_ms) => ({from_ns: ns(from_ms), to_ns: ns(to_ms)});
const lanes = ['writer', '10.0.0.1:1001', '10.0.0.2:1002', '10.0.0.3:1003'];
const rowOf = source => lanes.indexOf(source);
const near = (actual, expected, by = 0.2) => assert.ok(Math.abs(actual - expected) <= by, `${actual} is not about ${expected}`);

describe('a scene', () => {
  // One pixel for each millisecond.
  const scene = buildScene(modelOf(...lesson), span(0, 4000), 4000, 4, rowOf);

  test('shows each hold of a second at its time, in the lane of its source', () => {
    const holds = scene.bars.filter(bar => bar.holds).map(bar => [bar.row, Math.round(bar.left), Math.round(bar.right)]);
    assert.deepEqual(holds, [[1, 100, 1100], [2, 1100, 2100], [3, 2100, 3100]]);
  });

  test('shows each wait before its hold', () => {
    const waits = scene.bars.filter(bar => !bar.holds).map(bar => [bar.row, Math.round(bar.left), Math.round(bar.right)]);
    assert.deepEqual(waits, [[0, 350, 1100], [2, 900, 1100], [0, 1450, 2100], [3, 1700, 2100], [0, 2450, 3100]]);
  });

  test("shows the writer's grants between the readers', though they are narrower than a pixel", () => {
    const grants = [...scene.held[0].entries()].filter(([, share]) => share > 0).map(([at]) => at);
    assert.deepEqual(grants, [0, 1100, 2100, 3100]);
    near(scene.held[0].reduce((sum, share) => sum + share, 0), 0.04, 0.001);
  });

  test('leads an arrow from every releaser to the next owner', () => {
    assert.deepEqual(scene.arrows.map(arrow => [Math.round(arrow.x), arrow.from, arrow.to]),
      [[1100, 1, 0], [1100, 0, 2], [2100, 2, 0], [2100, 0, 3], [3100, 3, 0]]);
    assert.equal(scene.arrowsHidden, false);
  });

  test('has the length of the queue in each pixel', () => {
    for (const [at, length] of [[50, 0], [600, 1], [1000, 2], [1300, 0], [1800, 2], [2300, 0], [2600, 1], [3500, 0]]) near(scene.queue[at], length, 0.01);
    assert.equal(scene.queueMax, 2);
  });

  // It was the greatest mean of a pixel: "up to 1.37".
  test('has the longest queue of any moment as a whole number, however short that moment was', () => {
    const model = modelOf(done(1, 'writer', 0, 0, 10), ...[2, 3, 4].map(id => done(id, lanes[id - 1], 9.5, 10 + id / 100, 10.001 + id / 100, [], {position: id - 1})));
    assert.equal(buildScene(model, span(0, 4000), 400, 4, rowOf).queueMax, 3);
    assert.equal(buildScene(model, span(9.9, 11), 400, 4, rowOf).queueMax, 3, 'also of those who waited before');
    assert.equal(buildScene(model, span(11, 12), 400, 4, rowOf).queueMax, 0);
  });

  test('shows when the journal wrote, and how many changes it took', () => {
    const model = modelOf({type: 'commits', commits: [[ns(100), ns(150), 30], [ns(200), ns(200.5), 2]]});
    // What a stream that has resumed tells again.
    model.apply({type: 'commits', commits: [[ns(200), ns(200.5), 2], [ns(900), ns(901), 4]]}, 0);
    const seen = buildScene(model, span(0, 1000), 1000, 1, rowOf);
    assert.deepEqual(seen.commits.map(one => [Math.round(one.left), Math.round(one.right), one.changes]), [[100, 150, 30]]);
    near(seen.committing[120], 1, 0.01);
    near(seen.committing[200], 0.5, 0.01);
    assert.deepEqual([seen.committed.commits, seen.committed.changes], [3, 36]);
    assert.equal(buildScene(model, span(300, 800), 500, 1, rowOf).committed.commits, 0);
  });

  test('finds what is at a place, a hold before a wait, and a narrow grant within a few pixels', () => {
    const model = modelOf(...lesson);
    const at = (row, x) => {
      const subject = pick(model, scene, row, x, rowOf);
      return subject && model.records.get(subject.record).id;
    };
    assert.deepEqual([at(1, 500), at(2, 950), at(2, 1500), at(0, 700), at(0, 2), at(1, 3000)], [2, 4, 4, 3, 1, undefined]);
  });

  test('shows who holds and waits now up to the present', () => {
    const open = buildScene(modelOf(...lesson.slice(0, 4)), span(0, 1000), 1000, 4, rowOf);
    assert.deepEqual(open.bars.map(bar => [bar.row, bar.left, bar.right, bar.holds]), [[1, 100, 1000, true], [0, 350, 1000, false], [2, 900, 1000, false]]);
  });

  test('adds up what is narrower than a pixel, whole and bounded, for any number of requests', () => {
    const model = modelOf();
    for (let id = 1; id <= 10_000; ++id) model.apply(done(id, lanes[1 + id % 3], id / 10 - 0.2, id / 10, id / 10 + 0.05), 0);
    const crowded = buildScene(model, span(0, 1001), 500, 4, rowOf);
    assert.equal(crowded.bars.length, 0);
    assert.ok(crowded.arrowsHidden);
    const held = crowded.held.reduce((sum, row) => row.reduce((all, share) => all + share, sum), 0) * 1001 / 500;
    near(held, 10_000 * 0.05, 1);
    near(crowded.queue[250], 2, 0.1);
    near(crowded.held[1][250] + crowded.held[2][250] + crowded.held[3][250], 0.5, 0.05);
  });

  test('draws no arrow where the releaser is not known', () => {
    const scene = buildScene(modelOf(lesson[4], lesson[10]), span(0, 4000), 4000, 4, rowOf);
    assert.deepEqual(scene.arrows, []);
  });

  test('marks what was dropped and what is no longer kept', () => {
    const model = new Model(4);
    for (const event of [hello(), ...lesson, {type: 'dropped', count: 5}]) model.apply(event, 0);
    const scene = buildScene(model, span(0, 4000), 4000, 4, rowOf);
    near(scene.gaps[0].left, 3100.05);
    near(scene.forgottenUntil, 2100.02);
  });
});

describe('lanes', () => {
  const activity = model => activityIn(model, span(0, 4000));
  test('begin with the writer and keep their places', () => {
    const shown = new Lanes();
    shown.update(activity(modelOf(...lesson.slice(0, 4))), 8);
    const before = [...shown.shown];
    shown.update(activity(modelOf(...lesson)), 8);
    assert.deepEqual(shown.shown.slice(0, before.length), before);
    assert.equal(shown.shown[0], 'writer');
    assert.equal(shown.others, 0);
  });

  test('go to those who hold and wait longest when there are too many, the rest shares one', () => {
    const model = modelOf();
    for (let id = 1; id <= 40; ++id) model.apply(done(id, `10.0.0.${id}:1`, id, id, id + (id === 17 ? 500 : 0.01)), 0);
    const shown = new Lanes();
    shown.update(activity(model), 8);
    assert.deepEqual([shown.shown.length, shown.others, shown.shown.includes('10.0.0.17:1')], [8, 32, true]);
  });

  const crowd = (...more) => modelOf(...Array.from({length: 40}, (_, index) => done(index + 1, `10.0.0.${index + 1}:1`, index, index, index + 50)), ...more);

  test('are kept for the writer and for whoever waits most, under any load', () => {
    const shown = new Lanes();
    const model = crowd(done(50, 'writer', 60, 60, 60.01), done(51, 'past:1', 180, 200, 200.01), asked(52, 'now:1', 3990));
    shown.update(activity(model), 8);
    assert.equal(shown.shown[0], 'writer');
    assert.deepEqual([shown.shown.length, shown.shown.includes('past:1'), shown.shown.includes('now:1')], [8, true, true]);
    // And when they come to lanes that are all taken.
    const late = new Lanes();
    late.update(activity(crowd()), 8);
    late.update(activity(model), 8);
    assert.deepEqual([late.shown.length, ...['writer', 'past:1', 'now:1'].map(source => late.shown.includes(source))], [8, true, true, true]);
  });

  test('are pinned, filtered and sorted', () => {
    const shown = new Lanes(), choice = new LaneChoice();
    choice.pin('10.0.0.33:1');
    choice.pin('elsewhere:1');
    shown.update(activity(crowd()), 8, choice);
    assert.deepEqual(shown.shown.slice(0, 2), ['10.0.0.33:1', 'elsewhere:1']);
    choice.pin('elsewhere:1');
    choice.filter = '0.0.2';
    shown.update(activity(crowd()), 20, choice);
    assert.deepEqual([shown.shown.length, shown.others], [12, 28]);
    assert.ok(shown.shown.slice(1).every(source => source.startsWith('10.0.0.2')), shown.shown.join());
    choice.filter = '';
    choice.pin('10.0.0.33:1');
    choice.order = 'wait';
    shown.update(activity(modelOf(...lesson)), 8, choice);
    assert.deepEqual(shown.shown, ['writer', '10.0.0.3:1003', '10.0.0.2:1002', '10.0.0.1:1001']);
  });

  test('have colours that do not repeat, that stay, and that are the same in every browser', () => {
    const colours = new LaneColours(), others = new LaneColours();
    const twelve = Array.from({length: 12}, (_, index) => `10.0.0.${index}:1`);
    colours.assign(['writer', ...twelve]);
    const names = twelve.map(source => colours.name(source));
    assert.equal(new Set(names).size, 12);
    assert.deepEqual([colours.name('writer'), colours.name('nobody:1')], ['writer', 'others']);
    colours.assign(twelve.slice(3));
    assert.deepEqual(twelve.slice(3).map(source => colours.name(source)), names.slice(3));
    others.assign(['writer', ...twelve]);
    assert.deepEqual(twelve.map(source => others.name(source)), names);
    others.adopt([{source: 'a', colour: 7}, {source: 'b', colour: 3}]);
    others.assign(['b', 'a']);
    assert.deepEqual([others.name('a'), others.name('b')], ['lane-7', 'lane-3']);
  });

  test('count a hold and a wait only as far as they are in view', () => {
    const one = activityIn(modelOf(...lesson), span(1600, 2000)).get('10.0.0.2:1002');
    assert.deepEqual([one.holds, one.held_ns, one.waits, one.longest_hold_ns], [1, ns(400), 0, ns(1000)]);
  });
});

describe('a story', () => {
  const told = event => {
    const model = modelOf(event);
    return story(model.records.get(0));
  };
  test('says how long, behind whom, and what came of it', () => {
    assert.equal(told(done(9, '10.0.0.9:4242', 1000, 1652, 2652, [[3, '10.0.0.7:5123', 350], [4, 'writer', 300]], {position: 3})),
      '10.0.0.9:4242 asked for the lock at 1.000 s for GET my-key, 3rd in the queue. It waited 652 ms: 350 ms behind 10.0.0.7:5123\'s GET my-key (no. 3), ' +
      '300 ms behind writer\'s PUT my-key (no. 4), 2.00 ms for hand-offs. Then it held the lock for 1.00 s.');
  });
  test('of one that found the lock free is short', () => {
    assert.equal(told(done(9, 'a:1', 1000, 1000, 1000.004)), 'a:1 asked for the lock at 1.000 s for GET my-key, and found it free. It did not wait. Then it held the lock for 4.00 µs.');
  });
  test('of one that gave up says why', () => {
    assert.match(told(done(9, 'a:1', 0, null, 200, [[3, 'b:1', 200]], {outcome: 'timed_out'})),
      /It waited 200 ms: 200 ms behind b:1's GET my-key \(no\. 3\), and then timed out\. It never held the lock\.$/);
    assert.match(told(done(9, 'a:1', 5, null, 5, [], {outcome: 'refused'})), /It did not wait, and then was refused, because the queue was full\. It never held the lock\.$/);
    assert.match(told(done(9, 'a:1', 0, 0, 200, [], {outcome: 'hung_up'})), /held the lock for 200 ms, until it disconnected\.$/);
  });
  test('sums up those beyond the longest', () => {
    assert.match(told(done(9, 'a:1', 0, 30, 31, [[3, 'b:1', 10]], {behind_others: {count: 2, held_ns: ns(20)}})), /10\.0 ms behind b:1's GET my-key \(no\. 3\), 20\.0 ms behind 2 others\./);
  });
  test('of one that waited or held when the connection was lost claims no more than that', () => {
    const model = modelOf(granted(1, 'a:1', 0, 0, 1000), asked(2, 'b:1', 100, 1));
    assert.match(openStory(model.owner(), ns(400), [], false), /At the last message it had held the lock for 400 ms of 1\.00 s\. What happened since then is unknown\.$/);
    assert.match(openStory(model.queue()[0], ns(400), [model.owner()], false), /At the last message it had waited 300 ms, behind .* unknown\.$/);
  });
  test('of one that still waits or holds tells so', () => {
    const model = modelOf(granted(1, 'a:1', 0, 0, 1000), asked(2, 'b:1', 100, 1));
    assert.match(openStory(model.owner(), ns(400), []), /It holds the lock now, for 400 ms of 1\.00 s so far\.$/);
    assert.match(openStory(model.queue()[0], ns(400), [model.owner()]), /next in the queue\. It has waited 300 ms so far, behind a:1's GET my-key\.$/);
  });
});

describe('the view', () => {
  test('follows the present until it is paused, and again when it is moved there', () => {
    const view = new View(ns(8000));
    assert.deepEqual(view.span(ns(10_000)), span(2000, 10_000));
    view.pause(ns(10_000));
    assert.deepEqual(view.span(ns(20_000)), span(2000, 10_000));
    view.pan(ns(-1000), ns(20_000));
    assert.deepEqual(view.span(ns(20_000)), span(1000, 9000));
    view.pan(ns(50_000), ns(21_000));
    assert.ok(view.live);
  });
  test('zooms about the pointer, and within bounds', () => {
    const view = new View(ns(8000));
    view.pause(ns(10_000));
    view.zoom(0.5, ns(4000));
    assert.deepEqual(view.span(0), span(3000, 7000));
    for (let times = 0; times < 200; ++times) view.zoom(0.5, ns(4000));
    assert.equal(view.length_ns, 1000);
    for (let times = 0; times < 200; ++times) view.zoom(2, ns(4000));
    assert.equal(view.length_ns, 600e9);
  });
  test('has round steps on its axis', () => {
    assert.deepEqual([[8e9, 8], [8e9, 5], [3e6, 10], [1000, 4]].map(([length, marks]) => stepFor(length, marks)), [1e9, 2e9, 5e5, 500]);
  });
});

test('a link brings back its moment, and a damaged one brings nothing', () => {
  const moment = {start: '8f3a', span: span(1000.5, 9000), request: 26,
    lanes: [{source: 'writer', colour: 0}, {source: 'reader 1, <b>&', colour: 11}]};
  assert.deepEqual(fromFragment(toFragment(moment)), moment);
  for (const damaged of ['', '#', '#start=a', '#start=a&from=9&to=3', '#start=a&from=<script>&to=9', '#start=a&from=1e3&to=99999999999999999999'])
    assert.equal(fromFragment(damaged), undefined, damaged);
  assert.equal(fromFragment('#start=a&from=1&to=9&request=x').request, undefined);
  assert.deepEqual(fromFragment('#9f3c01a2-17'), {start: '9f3c01a2', span: undefined, request: 17, lanes: []});
  assert.deepEqual(fromFragment('#start=a&from=1&to=9&lane=7&lane=123.x&lane=3.a&lane=x.b').lanes, [{source: 'a', colour: 3}]);
  assert.equal(fromFragment(`#start=a&from=1&to=9${'&lane=1.a'.repeat(1000)}`).lanes.length, 16);
  for (const none of ['#9f3c01a2-', '#-17', '#xyz-1', '#9f3c01a2-17-1', '#9f3c01a2-17 ']) assert.equal(fromFragment(none), undefined, none);
});

test('figures have three digits and a unit', () => {
  assert.deepEqual([0, 7, 850, 999.7, 12_345, 652e6, 1.0005e9, 65e9, 7200e9].map(duration), ['0', '7 ns', '850 ns', '1.00 µs', '12.3 µs', '652 ms', '1.00 s', '65.0 s', '120.0 min']);
  assert.deepEqual([moment(12.35e9), moment(3e9, 1e9), moment(3.5e9, 5e8)], ['12.350 s', '3 s', '3.5 s']);
  assert.deepEqual([1, 2, 3, 4, 11, 21].map(ordinal), ['1st', '2nd', '3rd', '4th', '11th', '21st']);
});

test('moments are local clock times where that is wanted, exact to the nanosecond', () => {
  const started_ms = new Date(2026, 10, 24, 13, 59, 58, 123).getTime();
  useWallClock(started_ms);
  try {
    assert.deepEqual([moment(0), moment(2e9, 1e9), moment(1.877e9), moment(1.8769999e9, 1e6), moment(1.000_001e6, 1)],
      ['13:59:58.123', '14:00:00', '14:00:00.000', '14:00:00.000', '13:59:58.124000001']);
    assert.equal((started_ms * 1e6 + axisOrigin_ns()) % 3600e9, 0, 'marks are at round times');
  } finally {
    useWallClock(undefined);
  }
  assert.deepEqual([moment(2.5e9), axisOrigin_ns()], ['2.500 s', 0]);
});

test('foreign text hides nothing and fits', () => {
  assert.equal(shown('a\u202eb\u0000c\u200bd\ne<script>'), 'a\\u202eb\\u0000c\\u200bd\\u000ae<script>');
  assert.equal(shortened('x'.repeat(1024), 40).length, 40);
  assert.equal(shortened('10.0.0.1:12345', 10), '10.0.…2345');
});

test('the table has the requests that matter most, in order of arrival', () => {
  const model = modelOf();
  for (let id = 1; id <= 2000; ++id) model.apply(done(id, 'a:1', id, id, id + (id % 40 === 0 ? 5 : 0.1)), 0);
  const ids = weightiest(model, span(0, 4000)).map(one => model.records.get(one.subject.record).id);
  assert.deepEqual(ids, Array.from({length: 50}, (_, index) => 40 * (index + 1)));
});

test('a server of a cluster says who leads', () => {
  const one = {cluster: 'main', term: 17, leader: 'http://a:8080'};
  assert.equal(roleOf({...one, role: 'leader', etcd_ms: 0.84}), 'Leader of the cluster main, term 17; etcd answers in 0.8 ms');
  assert.equal(roleOf({...one, role: 'standby', lag_ms: 1.26}), 'Standby of the cluster main, term 17; http://a:8080 leads, 1.3 ms behind');
  assert.equal(roleOf({...one, role: 'standby'}), 'Standby of the cluster main, term 17; http://a:8080 leads');
  assert.equal(roleOf({...one, role: 'standby', term: 0, leader: null}), 'Standby of the cluster main; nobody leads it now');
});
