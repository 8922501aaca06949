// node minute.mjs [SECONDS] [EVENTS_PER_SECOND]: server, load, page and a second consumer on this machine; a row of figures
// now and then.
import {spawn} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {findBrowser, launch, open} from '../support/web/browser.mjs';
import {startServer} from '../support/web/server.mjs';

const seconds = Number(process.argv[2] ?? 60), per_second = Number(process.argv[3] ?? 10_000);
const pause = ms => new Promise(resolve => setTimeout(resolve, ms));
const mb = bytes => (bytes / 1e6).toFixed(1).padStart(8);

const server = await startServer();
const browser = await launch(findBrowser());
try {
  const page = await open(browser, server.url);
  const devtools = await page.context().newCDPSession(page);
  await page.evaluate(() => {
    window.frames_drawn = 0;
    const count = () => { ++window.frames_drawn; requestAnimationFrame(count); };
    requestAnimationFrame(count);
  });
  const consumer = spawn(process.env.HOLDFAST, ['--server', server.url, 'lock', 'events', '--json'], {stdio: ['ignore', 'ignore', 'inherit']});

  // Of the server what nobody else has: its own pages, without those of the programs that it shares.
  const resident = () => 1024 * Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]);
  const heap = async () => {
    await devtools.send('HeapProfiler.collectGarbage');
    return (await devtools.send('Runtime.getHeapUsage')).usedSize;
  };
  const number = async selector => Number((await page.locator(selector).textContent()).replace(/\D/g, ''));
  const events = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const of = name => [...text.matchAll(new RegExp(`^${name}(?:{.*})? (\\d+)`, 'gm'))].reduce((sum, [, count]) => sum + Number(count), 0);
    return {requests: of('holdfast_lock_acquisitions_total'), dropped: of('holdfast_lock_events_dropped_total')};
  };

  console.log('second  server MB  page heap MB  frames/s  requests/s  seen by the page  dropped');
  let before = {at: performance.now(), frames: await page.evaluate(() => window.frames_drawn), requests: (await events()).requests};
  const row = async second => {
    const at = performance.now(), frames = await page.evaluate(() => window.frames_drawn), {requests, dropped} = await events();
    const rate = count => (count * 1000 / (at - before.at)).toFixed(0);
    console.log(String(second).padStart(6), mb(resident()).padStart(10), mb(await heap()).padStart(13), rate(frames - before.frames).padStart(9),
      rate(requests - before.requests).padStart(11), String(await number('#requests .value')).padStart(17), String(dropped).padStart(8));
    before = {at: performance.now(), frames: await page.evaluate(() => window.frames_drawn), requests: (await events()).requests};
  };
  await pause(2000);
  await row(0);
  const load = spawn(process.env.HOLDFAST, ['--server', server.url, 'load', '--connections', '64', '--rate', `${per_second}/s`,
    '--duration', `${seconds + 2}s`], {stdio: 'ignore'});
  const began = performance.now();
  for (const share of [1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6, 1]) {
    await pause(began + share * seconds * 1000 - performance.now());
    await row(Math.round(share * seconds));
  }
  load.kill();
  consumer.kill();
  if (page.faults.length > 0) console.log(page.faults);
} finally {
  await browser.close();
  await server.stop();
}
