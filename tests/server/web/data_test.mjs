// The page's data view in a real browser, against a server that the test directs.
import assert from 'node:assert/strict';
import {after, afterEach, before, beforeEach, describe, test} from 'node:test';
import {findBrowser, launch} from '../../support/web/browser.mjs';
import {FakeData} from './fake_data.mjs';
import {FakeServer} from './fake_server.mjs';
import {pageDirectory} from './modules.mjs';
import {eventually, openPage, rowsOf} from './page_reader.mjs';

const executable = findBrowser();
if (executable === undefined) {
  console.log('SKIPPED: there is no chromium in PATH, nor in CHROMIUM');
  process.exit(0);
}

let browser, server, data;
before(async () => { browser = await launch(executable); });
after(() => browser?.close());
beforeEach(async () => {
  data = new FakeData();
  server = await new FakeServer(pageDirectory, {data, writer_period_ms: 0}).listen();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await server.close();
});

const text = (page, selector) => page.locator(selector).textContent();
const rows = page => rowsOf(page, '#keys');
const names = async page => (await rows(page)).map(row => row[0]);
/// What the browser says of an answer with an error status is no fault of the page's.
const faults = page => page.unexpected().filter(fault => !/status of 4\d\d/.test(fault));

async function opened(fragment = '#data', options = {}) {
  const page = await openPage(browser, `${server.url}/${fragment}`, options);
  await eventually('the list', () => page.locator('#keys').isVisible());
  return page;
}

async function edit(page, key) {
  await page.locator(`#keys tr[data-key="${key}"] button`).press('Enter');
  await eventually('the editor', async () => await page.inputValue('#edited-key') === key);
}

describe('the keys', () => {
  test('are listed with value, revision and time to live, byte for byte, below groups', async () => {
    data.put('a', '1e400');
    data.put('b', '{"id":12345678901234567890}', 90);
    data.put('users/1', '1');
    data.put('users/2', '2');
    data.put('users/x/1', '3');
    const page = await opened();
    const [a, b, group] = await rows(page);
    assert.deepEqual(a, ['a', '1e400', '1', 'never', '5']);
    assert.deepEqual([...b.slice(0, 3), b[4]], ['b', '{"id":12345678901234567890}', '2', '27']);
    assert.match(b[3], /^\d\d s$/);
    assert.equal(group[0], 'users/');
    await eventually('time goes by', async () => (await rows(page))[1][3] !== b[3]);
    await page.locator('#keys tr[data-group="users/"] button').press('Enter');
    await eventually('the keys of the group', async () => (await names(page)).join() === 'users/1,users/2,users/x/');
    assert.equal(await page.evaluate(() => location.hash), '#data=users%2F');
    await page.goBack();
    await eventually('all keys', async () => (await names(page)).join() === 'a,b,users/');
    await page.fill('#prefix', 'users/x');
    await page.keyboard.press('Enter');
    await eventually('keys by prefix', async () => (await names(page)).join() === 'users/x/');
    await page.locator('.path a').first().click();
    await eventually('all keys again', async () => (await names(page)).length === 3);
    assert.deepEqual(page.faults, []);
  });

  test('follow what others change', async () => {
    data.put('a', '1');
    data.put('jobs/1', '1');
    const page = await opened();
    data.put('b', '"new"');
    data.put('users/1', '1');
    await eventually('what was put', async () => (await names(page)).join() === 'a,b,jobs/,users/');
    data.put('a', '2', 300);
    await eventually('another value', async () => JSON.stringify((await rows(page))[0]) === '["a","2","5","5 min","1"]');
    data.remove('b');
    data.remove('a', 'expire');
    data.remove('jobs/1');
    await eventually('what is left', async () => (await names(page)).join() === 'users/');
    data.remove('users/1');
    await eventually('nothing', async () => (await names(page)).join() === 'There is no key here.');
    assert.deepEqual(page.faults, []);
  });

  test('are unknown while the connection is lost, and complete after it came back', async () => {
    data.put('a', '1', 3000);
    data.put('b', '2');
    const page = await opened();
    await server.vanish();
    await eventually('it is told', async () => /no connection/.test(await text(page, '#data-state')) && /last news \d+ s ago/.test(await text(page, '#data-news')));
    assert.equal((await rows(page))[0][3], 'unknown');
    assert.ok(await page.$('#keys.stale'));
    data.remove('b');
    data.put('c', '3');
    await server.listen(server.port);
    await eventually('what has changed meanwhile', async () => (await names(page)).join() === 'a,c');
    assert.match((await rows(page))[0][3], /min/);
    // The page was too slow for a change, which it is told of, or another database answers.
    data.keys.set('d', {text: '4', revision: ++data.revision});
    data.tell('lost', '');
    await eventually('what was lost', async () => (await names(page)).join() === 'a,c,d');
    assert.deepEqual(faults(page), []);
  });

  test('come page by page', async () => {
    for (let key = 1; key <= 230; ++key) data.put(`k${1000 + key}`, String(key));
    const page = await opened();
    assert.equal((await rows(page)).length, 100);
    await page.click('#more-keys');
    await eventually('the second page', async () => (await rows(page)).length === 200);
    data.put('k1001', '"changed"');
    data.remove('k1002');
    await eventually('changes in what was loaded', async () => { const now = await rows(page); return now[0][1] === '"changed"' && now.length === 199; });
    await page.click('#more-keys');
    await eventually('the last page', async () => (await rows(page)).length === 229 && !await page.locator('#more-keys').isVisible());
    assert.deepEqual(page.faults, []);
  });

  test('are text, however hostile', async () => {
    const hostile = '<img src=x onerror="document.title=1">\u202e#%?&';
    data.put(hostile, JSON.stringify(hostile));
    const page = await opened();
    assert.ok((await names(page))[0].startsWith('<img src=x onerror'));
    await page.locator('#keys button').press('Enter');
    await eventually('its value', async () => await page.inputValue('#edited-value') === JSON.stringify(hostile));
    await page.fill('#edited-value', '2');
    await page.click('#save');
    await eventually('it is saved under its key', () => data.keys.get(hostile).text === '2');
    assert.deepEqual(await page.evaluate(() => [document.querySelectorAll('img').length, document.title]), [0, 'Holdfast']);
    const [wide, visible] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(wide <= visible, `${wide} in ${visible}`);
    assert.deepEqual(page.faults, []);
  });
});

describe('a key', () => {
  test('is changed only if it is still what was read', async () => {
    data.put('a', '{"n": 1.0}', 600);
    const page = await opened();
    await edit(page, 'a');
    assert.equal(await page.inputValue('#edited-value'), '{"n": 1.0}');
    await page.fill('#edited-value', '{"n": 2.0}');
    await page.click('#save');
    await eventually('it is saved', async () => await text(page, '#editor-message') === 'saved');
    assert.deepEqual(data.writes.at(-1), {method: 'PUT', key: 'a', match: '"d1-1"', none: undefined, ttl: 'keep', body: '{"n": 2.0}'});
    // The tag of the answer is the next condition; and another time to live.
    await page.fill('#edited-value', '3');
    await page.selectOption('#edited-ttl', 'after');
    await page.fill('#edited-ttl-after', '45s');
    await page.click('#save');
    await eventually('it is saved again', () => data.keys.get('a').text === '3');
    assert.deepEqual([data.writes.at(-1).match, data.writes.at(-1).ttl], ['"d1-2"', '45s']);
    await eventually('the table has it', async () => JSON.stringify((await rows(page))[0].slice(0, 3)) === '["a","3","3"]');
    assert.equal(await page.locator('#conflict').isVisible(), false, 'our own change is none of somebody else');
    await page.fill('#edited-value', '{');
    await page.click('#save');
    await eventually('the reason', async () => (await text(page, '#editor-message')).includes('not valid JSON'));
    assert.equal(data.keys.get('a').text, '3');
    assert.deepEqual(faults(page), []);
  });

  test('that somebody else has changed meanwhile is not overwritten before that was seen', async () => {
    data.put('a', '1');
    const page = await opened();
    await edit(page, 'a');
    data.put('a', '2');
    await eventually('what was not touched follows', async () => await page.inputValue('#edited-value') === '2');
    await page.fill('#edited-value', '"mine"');
    data.put('a', '3');
    await eventually('the other value', async () => await text(page, '#theirs') === '3');
    assert.equal(await page.inputValue('#edited-value'), '"mine"');
    // A change that the page does not know of yet.
    data.keys.set('a', {text: '4', revision: ++data.revision});
    await page.click('#save');
    await eventually('it is refused', async () => (await text(page, '#editor-message')).includes('not as it was') && await text(page, '#theirs') === '4');
    assert.equal(data.keys.get('a').text, '4');
    await page.click('#keep-mine');
    await page.click('#save');
    await eventually('it is saved', () => data.keys.get('a').text === '"mine"');
    assert.equal(data.writes.at(-1).match, '"d1-4"');
    await page.fill('#edited-value', '"mine again"');
    data.put('a', '5');
    await eventually('the other value', () => page.locator('#conflict').isVisible());
    await page.click('#take-theirs');
    assert.equal(await page.inputValue('#edited-value'), '5');
    assert.deepEqual(faults(page), []);
  });

  test('is created only if there is none, and deleted only as it was seen', async () => {
    data.put('users/ada', '1');
    const page = await opened('#data=users%2F');
    await page.click('#new-key');
    await page.fill('#edited-key', 'users/ada');
    await page.fill('#edited-value', '2');
    await page.keyboard.press('Tab');
    await page.click('#save');
    await eventually('it is refused', async () => /^Not done: Refused: the key is not as it was/.test(await text(page, '#editor-message')) && await text(page, '#theirs') === '1');
    assert.equal(data.writes.at(-1).none, '*');
    await page.fill('#edited-key', 'users/bob smith/é');
    await page.click('#save');
    await eventually('it is there', () => data.keys.get('users/bob smith/é')?.text === '2');
    await eventually('its group is', async () => (await names(page)).join() === 'users/ada,users/bob smith/');
    await edit(page, 'users/ada');
    data.keys.set('users/ada', {text: '7', revision: ++data.revision});
    await page.click('#delete');
    await eventually('it is refused', async () => /^Not done/.test(await text(page, '#editor-message')));
    assert.ok(data.keys.has('users/ada'));
    await eventually('the new value', async () => await page.inputValue('#edited-value') === '7');
    await page.click('#delete');
    await eventually('it is gone', async () => !data.keys.has('users/ada') && (await names(page)).join() === 'users/bob smith/');
    assert.equal(data.writes.at(-1).match, '"d1-3"');
    assert.deepEqual(faults(page), []);
  });

  test('that a browser cannot address is told to be one', async () => {
    data.put('..', '1');
    const page = await opened();
    await page.locator('#keys button').press('Enter');
    await eventually('a word about it', async () => (await text(page, '#editor-message')).includes('cannot address'));
    assert.ok(await page.isDisabled('#save'));
    assert.deepEqual(page.faults, []);
  });

  test('is edited on a phone, too', async () => {
    data.put('a', '1');
    const page = await opened('#data', {hasTouch: true, isMobile: true, viewport: {width: 360, height: 700}, colorScheme: 'dark'});
    await page.locator('#keys button').tap();
    await eventually('the editor', async () => await page.inputValue('#edited-value') === '1');
    const small = await page.$$eval('button, a, select, input', targets => targets.filter(target => target.checkVisibility())
      .map(target => [target.textContent || target.id, target.getBoundingClientRect()]).filter(([, box]) => box.height < 43.9 || box.width < 43.9)
      .map(([name, box]) => `${name} ${box.width}x${box.height}`));
    assert.deepEqual(small, []);
    const [wide, visible] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(wide <= visible, `${wide} in ${visible}`);
    assert.deepEqual(page.faults, []);
  });
});

test('nothing is asked or followed while the data is not looked at', async () => {
  const page = await openPage(browser, server.url);
  assert.equal(data.watchers.size, 0);
  await page.click('#show-data');
  await eventually('it is followed', () => data.watchers.size === 1);
  assert.equal(await page.locator('#lock-view').isVisible(), false);
  await page.click('#show-lock');
  await eventually('it is left', () => data.watchers.size === 0);
  assert.ok(await page.locator('.stage canvas').isVisible());
  assert.deepEqual(page.faults, []);
});
