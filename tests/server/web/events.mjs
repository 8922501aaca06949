// Events as the server tells them, for tests that write their own story. Times in milliseconds.

export const ns = ms => Math.round(ms * 1e6);

export const hello = (start = 'a1', now_ms = 0, settings = {read_hold_ms: 0, writer_period_ms: 350, live: true}) =>
  ({type: 'hello', now_ns: ns(now_ms), started_at: '2026-11-24T13:50:00.123Z', start, settings});

const asker = (id, source) => ({id, source, request_id: source === 'writer' ? null : id.toString(16), operation: source === 'writer' ? 'PUT' : 'GET', key: 'my-key'});

export const asked = (id, source, asked_ms, position = 1) => ({type: 'asked', ...asker(id, source), position, asked_ns: ns(asked_ms)});

export const granted = (id, source, asked_ms, granted_ms, hold_ms) =>
  ({type: 'granted', ...asker(id, source), position: asked_ms === granted_ms ? 0 : 1, asked_ns: ns(asked_ms), granted_ns: ns(granted_ms), hold_ns: ns(hold_ms)});

/// @param granted_ms null: it never was  @param behind [id, source, ms][]
export const done = (id, source, asked_ms, granted_ms, ended_ms, behind = [], more = {}) => ({
  type: 'done', ...asker(id, source), position: asked_ms === granted_ms ? 0 : 1, asked_ns: ns(asked_ms),
  granted_ns: granted_ms === null ? null : ns(granted_ms), ended_ns: ns(ended_ms), outcome: 'released',
  behind: behind.map(([other, name, ms]) => ({id: other, source: name, operation: name === 'writer' ? 'PUT' : 'GET', key: 'my-key', held_ns: ns(ms)})),
  behind_others: {count: 0, held_ns: 0}, ...more,
});

/// The lesson: three readers 0.8 s apart that hold for a second, and the writer between them.
export const lesson = [
  done(1, 'writer', 0, 0, 0.01),
  granted(2, '10.0.0.1:1001', 100, 100, 1000),
  asked(3, 'writer', 350),
  asked(4, '10.0.0.2:1002', 900, 2),
  done(2, '10.0.0.1:1001', 100, 100, 1100),
  done(3, 'writer', 350, 1100, 1100.01, [[2, '10.0.0.1:1001', 750]]),
  granted(4, '10.0.0.2:1002', 900, 1100.02, 1000),
  asked(5, 'writer', 1450.01),
  asked(6, '10.0.0.3:1003', 1700, 2),
  done(4, '10.0.0.2:1002', 900, 1100.02, 2100.02, [[2, '10.0.0.1:1001', 200], [3, 'writer', 0.01]], {position: 2}),
  done(5, 'writer', 1450.01, 2100.02, 2100.03, [[4, '10.0.0.2:1002', 650.01]]),
  granted(6, '10.0.0.3:1003', 1700, 2100.04, 1000),
  asked(7, 'writer', 2450.03),
  done(6, '10.0.0.3:1003', 1700, 2100.04, 3100.04, [[4, '10.0.0.2:1002', 400.02], [5, 'writer', 0.01]], {position: 2}),
  done(7, 'writer', 2450.03, 3100.04, 3100.05, [[6, '10.0.0.3:1003', 650.01]]),
];
