// The data view's model, without a document.
import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import {load} from './modules.mjs';

const {members, elements, DataModel, readChange, inOrder, prefixOf, dataFragment} = await load('json_text', 'data_model', 'data_view');

const change = (kind, key, revision, more = {}) => ({kind, key, revision, value: kind === 'put' ? '1' : undefined, ttl_s: undefined, ...more});
const page = (revision, entries, groups = [], next) => JSON.stringify({revision, groups, ...(next === undefined ? {} : {next}),
  entries: entries.map(([key, of]) => ({key, revision: of, bytes: 1, value: of}))});
const modelOf = (text, prefix = '') => {
  const model = new DataModel();
  model.begin(prefix);
  model.takePage(text, 0, true);
  return model;
};
const keysOf = model => model.entries.map(one => `${one.key}@${one.revision}`);

describe('a JSON text', () => {
  test('gives its parts as they are written', () => {
    const text = ' { "a" : 1e400 ,"b":[1,{"x":"]}\\""}], "c\\u0041":12345678901234567890.0,"d":"\\ud83d","e":{}, "f":null}';
    assert.deepEqual([...members(text)], [['a', '1e400'], ['b', '[1,{"x":"]}\\""}]'], ['cA', '12345678901234567890.0'], ['d', '"\\ud83d"'], ['e', '{}'], ['f', 'null']]);
    assert.deepEqual(elements('[ 1.0 , "a,b", [2,[3]],{"k":[]} ]'), ['1.0', '"a,b"', '[2,[3]]', '{"k":[]}']);
    assert.deepEqual([elements('[]'), elements('{}'), [...members('[]')], [...members('{}')]], [[], [], [], []]);
  });
});

describe('the keys', () => {
  test('are shown as the server writes them, byte for byte', () => {
    const model = modelOf('{"revision":9,"entries":[{"key":"a","revision":7,"bytes":5,"ttl":29.5,"value":1e400}],"groups":["users/"]}');
    assert.deepEqual(model.entries, [{key: 'a', revision: 7, bytes: 5, value: '1e400', expires_ms: 29_500}]);
    assert.deepEqual([model.groups, model.next, model.revision], [['users/'], undefined, 9]);
  });

  test('follow the changes, each once, whatever the order in which list and changes come', () => {
    const model = modelOf(page(5, [['a', 3], ['c', 5]]));
    assert.equal(model.apply(change('put', 'a', 4), 0), false, 'the list is newer');
    assert.ok(model.apply(change('put', 'b', 6), 0));
    assert.ok(model.apply(change('put', 'a', 7, {value: '"x"', ttl_s: 2}), 1000));
    assert.equal(model.apply(change('put', 'a', 7), 0), false);
    assert.ok(model.apply(change('delete', 'c', 8), 0));
    assert.equal(model.apply(change('expire', 'c', 9), 0), false);
    assert.deepEqual(keysOf(model), ['a@7', 'b@6']);
    assert.deepEqual([model.entries[0].value, model.entries[0].bytes, model.entries[0].expires_ms], ['"x"', 3, 3000]);
  });

  test('below another prefix do not appear', () => {
    const model = modelOf(page(1, [['users/a', 1]]), 'users/');
    assert.equal(model.apply(change('put', 'jobs/a', 2), 0), false);
    assert.ok(model.apply(change('put', 'users/b', 3), 0));
    assert.deepEqual(keysOf(model), ['users/a@1', 'users/b@3']);
  });

  test('of a group are one line, and a group that may be empty is asked for again', () => {
    const model = modelOf(page(1, [], ['jobs/']));
    assert.ok(model.apply(change('put', 'users/a/b', 2), 0));
    assert.equal(model.apply(change('put', 'users/c', 3), 0), false);
    assert.deepEqual([model.groups, model.doubtful], [['jobs/', 'users/'], false]);
    model.apply(change('delete', 'jobs/1', 4), 0);
    assert.ok(model.doubtful);
    model.takePage(page(5, [], ['users/']), 0, true);
    assert.deepEqual([model.groups, model.doubtful], [['users/'], false]);
  });

  test('behind the pages that were loaded do not appear before their page does', () => {
    const model = modelOf(page(5, [['a', 1], ['b', 2]], [], 'b'));
    assert.equal(model.apply(change('put', 'x', 6), 0), false);
    assert.equal(model.apply(change('put', 'x/y', 6), 0), false);
    assert.ok(model.apply(change('put', 'aa', 7), 0));
    model.takePage(page(8, [['c', 3], ['x', 6]]), 0, false);
    assert.deepEqual([keysOf(model), model.next], [['a@1', 'aa@7', 'b@2', 'c@3', 'x@6'], undefined]);
    model.takePage(page(8, [['aa', 3]]), 0, false);
    assert.ok(keysOf(model).includes('aa@7'), 'an older page does not undo a change');
  });

  test('whose time is up without a word are asked for again, since a touch is no change', () => {
    const model = modelOf('{"revision":1,"entries":[{"key":"a","revision":1,"bytes":1,"ttl":2,"value":1}],"groups":[]}');
    model.checkTimes(3900);
    assert.equal(model.doubtful, false);
    model.checkTimes(4100);
    assert.equal(model.doubtful, true);
  });

  test('are in the order of their bytes', () => {
    const keys = ['\u{1f600}', '\uffee', 'b', 'a/', 'a', ''];
    const bytes = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual([...keys].sort(inOrder), bytes);
  });
});

test('messages of the watch that are no changes are passed over', () => {
  assert.deepEqual(readChange('put', '{"key":"a","revision":7,"previous":3,"value":1.0,"ttl":2.5}'), change('put', 'a', 7, {value: '1.0', ttl_s: 2.5}));
  assert.deepEqual(readChange('expire', '{"key":"a","revision":8,"previous":7,"value":null,"ttl":null}')?.kind, 'expire');
  for (const [type, data] of [['progress', '{}'], ['live', '{}'], ['put', '{}'], ['weather', '{"key":"a","revision":7}']]) assert.equal(readChange(type, data), undefined);
});

test('an address leads to its prefix', () => {
  for (const prefix of ['', 'users/', 'a b&c=d#%/\u{1f600}', '\n']) assert.equal(prefixOf(dataFragment(prefix)), prefix);
  assert.deepEqual(['#data=%', '#database', '#start=1', ''].map(prefixOf), ['', undefined, undefined, undefined]);
});
