// The page in a real browser, as the real server serves it.
import assert from 'node:assert/strict';
import {after, afterEach, before, beforeEach, test} from 'node:test';
import {findBrowser, launch} from '../../support/web/browser.mjs';
import {startServer} from '../../support/web/server.mjs';
import {eventually, openPage, requestsOf, rowsOf, runLesson} from './page_reader.mjs';

const executable = findBrowser();
if (executable === undefined) {
  console.log('SKIPPED: there is no chromium in PATH, nor in CHROMIUM');
  process.exit(0);
}

let browser, server;
before(async () => { browser = await launch(executable); });
after(() => browser?.close());
beforeEach(async () => { server = await startServer(); });
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await server.stop();
});

const text = (page, selector) => page.locator(selector).textContent();
const figure = told => {
  const [, value, unit] = /([\d.]+) (ns|µs|ms|s)$/.exec(told) ?? [null, '0', 'ms'];
  return Number(value) * {ns: 1e-6, 'µs': 1e-3, ms: 1, s: 1000}[unit];
};

test("one press shows three holds of a second, the writer's grants between them, and who is to blame", async () => {
  const page = await openPage(browser, server.url);
  const {readers, writes} = await runLesson(page);
  for (const reader of readers) assert.ok(reader.ended - reader.granted > 999, JSON.stringify(reader));
  assert.equal(new Set(readers.map(reader => reader.source)).size, 3, 'each reader has a lane of its own');
  for (const [before, next] of [[readers[0], readers[1]], [readers[1], readers[2]]]) {
    assert.ok(next.asked < before.ended, 'the next reader asked while the one before held');
    const between = writes.filter(write => write.granted >= before.ended && write.ended <= next.granted);
    assert.equal(between.length, 1, 'the writer, who had asked first, owned the lock between them');
    assert.ok(between[0].asked < before.ended);
  }
  await eventually('the readers lead the blame', async () => {
    const leading = (await rowsOf(page, '#blame-sources')).slice(0, 3).map(row => row[0]);
    return readers.every(reader => leading.includes(reader.source));
  });
  // What the answers said in Server-Timing is what the table says.
  const told = await page.locator('.readers li').allTextContents();
  const rows = readers.map(reader => reader.cells);
  told.forEach((line, index) => {
    const [, waited] = /^waited (.*), held/.exec(line);
    assert.ok(Math.abs(figure(waited) - figure(rows[index][4])) <= 0.01 * Math.max(1, figure(waited)), `${line} ${rows[index][4]}`);
  });
  await page.locator('.readers button').nth(1).press('Enter');
  assert.match(await text(page, '#story'), new RegExp(`^${readers[1].source} asked for the lock .* behind ${readers[0].source}'s GET my-key`));
  assert.deepEqual(page.faults, []);
});

test('a server that was restarted is found again, and its page begins anew', async () => {
  const page = await openPage(browser, server.url);
  await eventually('the writer has written', async () => (await requestsOf(page)).length >= 3);
  const {port} = server;
  await server.stop();
  await eventually('it is noticed', async () => (await text(page, '#state')).includes('no connection'));
  server = await startServer({port});
  await eventually('it is found again', async () => (await text(page, '#state')).startsWith('live'));
  assert.match(await text(page, '.said'), /restarted/);
  await eventually('requests of the new process', async () => {
    const requests = await requestsOf(page);
    return requests.length >= 2 && requests.every(request => request.asked < 20_000);
  });
  assert.deepEqual(page.unexpected(), []);
});

test('named locks are shown with who holds them and who waits in which order, and what happens to the chosen one', async () => {
  const page = await openPage(browser, server.url);
  const ask = (name, id, owner) => fetch(`${server.url}/v1/locks/${name}?id=${id}&lease=1h`, {method: 'POST', body: JSON.stringify({owner})});
  await page.locator('#named-locks summary').click();
  await eventually('there is none', async () => (await text(page, '#named-locks-table')).includes('Nobody holds'));
  for (const [id, owner] of [['1', 'amy'], ['2', '<b>bob'], ['3', 'cat']]) assert.ok((await ask('deploy', id, owner)).ok);
  assert.ok((await ask('jobs', '1', 'dan')).ok);
  const shown = async () => (await rowsOf(page, '#named-locks-table')).map(cells => [cells[0], cells[1], cells[4]]);
  await eventually('both, and the queue in its order', async () =>
    JSON.stringify(await shown()) === JSON.stringify([['deploy', 'amy', '<b>bob, cat'], ['jobs', 'dan', '']]));
  await page.locator('#named-locks-table button').first().click();
  await eventually('its events are followed', async () => (await text(page, '#named-locks h3')).includes('deploy'));
  await eventually('the release and the grant', async () => {
    // The stream may have begun after a release: then the next one is seen.
    if ((await shown())[0][1] === 'amy') await fetch(`${server.url}/v1/locks/deploy/tickets/1`, {method: 'DELETE'});
    else await ask('deploy', '4', 'eve');
    return /(granted: <b>bob|asked: eve)/.test(await text(page, '#named-lock-events'));
  });
  await eventually('the next holder', async () => (await shown())[0][1] === '<b>bob');
  assert.deepEqual(page.faults, []);
});

test('the sliders change the running server', async () => {
  const page = await openPage(browser, server.url);
  const settings = async () => (await fetch(`${server.url}/v1/settings`)).json();
  assert.equal((await settings()).writer_period, '350ms');
  await page.locator('#writer-period').focus();
  await page.keyboard.press('Home');
  await eventually('the writer is off', async () => (await settings()).writer_period === '0');
  await page.locator('#read-hold').focus();
  for (let presses = 0; presses < 5; ++presses) await page.keyboard.press('ArrowRight');
  await eventually('reads hold', async () => (await settings()).read_hold === '20ms');
  await fetch(`${server.url}/v1/kv/my-key`);
  await eventually('a read that held', async () => (await requestsOf(page)).some(one => one.source !== 'writer' && one.ended - one.granted > 19));
  assert.deepEqual(page.faults, []);
});

test('a hostile key is text, and so is one of 1,024 bytes', async () => {
  const page = await openPage(browser, server.url);
  const keys = ['<img src=x onerror="document.title=1"><script>document.title=2</script>\u202e', '<b>'.padEnd(1024, 'k')];
  for (const key of keys) assert.equal((await fetch(`${server.url}/v1/kv/${encodeURIComponent(key)}`, {method: 'PUT', body: '1'})).status, 201);
  for (const key of keys) {
    const {id} = await eventually('its row', async () => (await requestsOf(page)).find(one => one.key === key));
    await page.locator(`#requests-in-view tr[data-id="${id}"] button`).press('Enter');
    assert.ok((await text(page, '#story')).includes(key.replace('\u202e', '\\u202e')));
  }
  assert.deepEqual(await page.evaluate(() => [document.querySelectorAll('img, b, body script').length, document.title]), [0, 'Holdfast']);
  assert.deepEqual(page.faults, []);
});

test('a link shows somebody else a moment that has passed', async () => {
  const page = await openPage(browser, server.url);
  const {readers} = await runLesson(page);
  await page.locator(`#requests-in-view tr[data-id="${readers[2].id}"] button`).press('Enter');
  await page.click('#link');
  const other = await openPage(browser, page.url());
  await eventually('the same story', async () => await text(other, '#story') === await text(page, '#story'));
  assert.deepEqual(other.faults, []);
});

test("an answer's Holdfast-Request-Id leads to its request, as soon as it is known", async () => {
  await fetch(`${server.url}/v1/kv/other`);
  const answer = await fetch(`${server.url}/v1/kv/found`);
  const page = await openPage(browser, `${server.url}/#${answer.headers.get('Holdfast-Request-Id')}`);
  await eventually('its story', async () => / for GET found, and found it free/.test(await text(page, '#story')));
  assert.equal(await page.getAttribute('#pause', 'aria-pressed'), 'true');
  assert.ok((await requestsOf(page)).some(one => one.key === 'found'));
  // Until its story has been seen, however long a busy machine takes to open the page.
  const client = new AbortController();
  const holding = fetch(`${server.url}/v1/kv/held?hold=50s`, {signal: client.signal}).catch(() => {});
  const {owner} = await eventually('an owner', async () => { const state = await (await fetch(`${server.url}/v1/lock`)).json(); return state.owner && state; });
  const other = await openPage(browser, `${server.url}/#${owner.request_id}`);
  await eventually('the story of one that still holds', async () => / for GET held.* It holds the lock now/.test(await text(other, '#story')));
  client.abort();
  await holding;
  await eventually('the story to its end', async () => / for GET held.* Then it held the lock for .*, until it disconnected/.test(await text(other, '#story')));
  assert.deepEqual([...page.faults, ...other.faults], []);
});

test('the data follows what others do, is edited by hand, and nobody overwrites anybody', async () => {
  const kv = (method, key, body, query = '') => fetch(`${server.url}/v1/kv/${encodeURIComponent(key)}${query}`, {method, ...(body === undefined ? {} : {body})});
  await kv('PUT', 'exact', '{"n": 12345678901234567890, "x": 1e400}');
  await kv('PUT', 'users/ada', '1');
  const page = await openPage(browser, `${server.url}/#data`);
  const row = async key => (await rowsOf(page, '#keys')).find(cells => cells[0] === key);
  await eventually('the list', async () => await row('users/') && (await row('exact'))[1] === '{"n": 12345678901234567890, "x": 1e400}');
  await eventually('the writer at work', async () => { const before = await row('my-key'); return before && (await new Promise(resolve => setTimeout(resolve, 500)), (await row('my-key'))[1] !== before[1]); });
  await kv('PUT', 'short', '"lived"', '?ttl=3s');
  await eventually('it counts down', async () => /^[123] s$/.test((await row('short'))?.[3] ?? ''));
  await eventually('it has expired', async () => await row('short') === undefined);
  await page.locator('#keys tr[data-group="users/"] button').press('Enter');
  await eventually('the keys of the group', () => row('users/ada'));

  await page.locator('#keys tr[data-key="users/ada"] button').press('Enter');
  await eventually('its value', async () => await page.inputValue('#edited-value') === '1');
  await page.fill('#edited-value', '"mine"');
  await kv('PUT', 'users/ada', '"theirs"');
  await eventually('the other value', async () => await text(page, '#theirs') === '"theirs"');
  await page.click('#save');
  await eventually('it is refused', async () => /^Not done/.test(await text(page, '#editor-message')));
  assert.equal(await (await kv('GET', 'users/ada')).text(), '"theirs"');
  await page.click('#keep-mine');
  await page.selectOption('#edited-ttl', 'after');
  await page.fill('#edited-ttl-after', '10m');
  await page.click('#save');
  await eventually('it is saved', async () => await (await kv('GET', 'users/ada')).text() === '"mine"');
  assert.ok(Number((await kv('GET', 'users/ada')).headers.get('Holdfast-TTL')) > 500);
  await eventually('the table has it', async () => { const cells = await row('users/ada'); return cells[1] === '"mine"' && cells[3] === '10 min'; });
  await page.fill('#edited-value', '"mine again"');
  await page.selectOption('#edited-ttl', 'keep');
  await page.click('#save');
  await eventually('it keeps its time', async () => { const now = await kv('GET', 'users/ada'); return await now.text() === '"mine again"' && Number(now.headers.get('Holdfast-TTL')) > 500; });

  await page.click('#new-key');
  await page.fill('#edited-key', 'users/bob smith');
  await page.fill('#edited-value', '{');
  await page.click('#save');
  await eventually('the reason', async () => /^Not done: .*JSON/.test(await text(page, '#editor-message')));
  await page.fill('#edited-value', '{"a": 1.0}');
  await page.click('#save');
  await eventually('it is there', () => row('users/bob smith'));
  assert.equal(await (await kv('GET', 'users/bob smith')).text(), '{"a": 1.0}');
  await page.click('#delete');
  await eventually('it is gone', async () => await row('users/bob smith') === undefined && (await kv('GET', 'users/bob smith')).status === 404);
  assert.equal(page.faults.filter(fault => !/status of 4(00|04|12)/.test(fault)).join(), '');
});

test('all that the page leads to is there', async () => {
  const page = await openPage(browser, server.url);
  // The reference comes with the rest of the API.
  const links = (await page.$$eval('header a', all => all.map(link => link.href))).filter(link => link.startsWith(server.url) && !link.endsWith('openapi.json'));
  assert.ok(links.length >= 5);
  for (const link of links) assert.equal((await fetch(link)).status, 200, link);
  await eventually('the version', async () => /^Version \d+\.\d+/.test(await text(page, '#version')));
});

test('what the page shows is what the server says', async () => {
  const page = await openPage(browser, server.url);
  const holding = fetch(`${server.url}/v1/kv/my-key?hold=3s`);
  const owner = await eventually('an owner', async () => (await (await fetch(`${server.url}/v1/lock`)).json()).owner);
  await eventually('the same in the page', async () => (await text(page, '#hold-now')).includes(owner.source));
  await eventually('the writer waits', async () => (await text(page, '#wait-now')).includes('writer'));
  const told = await holding;
  const id = told.headers.get('Holdfast-Request-Id');
  assert.ok(id);
  await eventually('its end', async () => (await requestsOf(page)).some(one => one.id === owner.id && one.ended - one.granted > 2999));
  assert.deepEqual(page.faults, []);
});
