// The page that holdfast load --html writes, in a real browser.
import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {after, before, describe, test} from 'node:test';
import {findBrowser, inspectPlots, launch, open} from '../../support/web/browser.mjs';
import {measure} from './measured_run.mjs';

const executable = findBrowser();
if (executable === undefined) {
  console.log('SKIPPED: there is no chromium in PATH, nor in CHROMIUM');
  process.exit(0);
}

let browser, run, report;
before(async () => {
  run = await measure(['--rate', '300/s', '--duration', '4s', '--connections', '4', '--hold', '1ms',
    '--threshold', 'errors==0', '--threshold', 'p99<60s', '--json', '{run.json}', '--html', '{run.html}']);
  report = JSON.parse(readFileSync(run.file('run.json'), 'utf8'));
  browser = await launch(executable);
});
after(async () => {
  await browser?.close();
  run?.remove();
});

const withReport = (name, change) => {
  const changed = structuredClone(report);
  const shown = change(changed) ?? changed;
  const page = readFileSync(run.file('run.html'), 'utf8').replace(/(<script type="application\/json" id="data">)[^<]*/,
    (_, head) => head + JSON.stringify(shown).replaceAll('<', '\\u003c'));
  writeFileSync(run.file(name), page);
  return run.file(name);
};

describe('the page of a run', () => {
  let page;
  before(async () => { page = await open(browser, run.file('run.html')); });
  after(() => page?.context().close());

  test('leads with the throughput and the p99 that were measured', async () => {
    const [throughput, p99] = await page.locator('.tile.great .value').allTextContents();
    assert.equal(parseFloat(throughput.replace(',', '')), Number(report.throughput_per_s.toPrecision(3)));
    assert.ok(Math.abs(parseFloat(p99) / report.latency_ms.all.p99 - 1) < 0.01 || !p99.endsWith(' ms'), p99);
  });

  test('draws every plot with all its points', async () => {
    const plots = await inspectPlots(page);
    const seconds = report.seconds.filter(row => row.length_ms >= 250).length;
    assert.deepEqual(plots.map(plot => plot.title), ['Throughput', 'Latency over time', 'Percentiles', 'Where the time went']);
    for (const plot of plots) {
      assert.ok(plot.inked > 2000 && plot.colours > 3, JSON.stringify(plot));
      assert.ok(plot.lines >= 2, JSON.stringify(plot));
      if (plot.title !== 'Percentiles') assert.equal(plot.points, seconds, plot.title);
    }
    assert.ok(plots[2].points >= report.curve_ms.all.length, 'the percentile curve');
  });

  test('is reached and read with the keyboard alone', async () => {
    const reached = new Set();
    for (let i = 0; i < 60; ++i) {
      await page.keyboard.press('Tab');
      const label = await page.evaluate(() => {
        const focused = document.activeElement;
        return focused?.classList.contains('plot') ? focused.getAttribute('aria-label').split('.')[0] : null;
      });
      if (label) reached.add(label);
    }
    assert.equal(reached.size, 4);
    await page.locator('.plot').first().focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    const heard = await page.locator('figure .unseen[aria-live]').first().textContent();
    assert.match(heard, /^2 s: answers [\d.,]+\/s/);
  });

  test('tells its figures as a table too, when asked', async () => {
    await page.locator('details.data summary').first().focus();
    await page.keyboard.press('Enter');
    const rows = page.locator('details.data').first().locator('tbody tr');
    await rows.first().waitFor();
    assert.equal(await rows.count(), report.seconds.filter(row => row.length_ms >= 250).length);
  });

  test('changes a scale and an operation, and draws again', async () => {
    const scale = page.getByRole('button', {name: 'logarithmic'}).first();
    await scale.press('Enter');
    assert.equal(await scale.getAttribute('aria-pressed'), 'false');
    await page.getByRole('button', {name: 'put', exact: true}).press('Enter');
    for (const plot of await inspectPlots(page)) assert.ok(plot.inked > 2000, JSON.stringify(plot));
  });

  test('shows the experiment, the thresholds and the errors', async () => {
    const text = await page.locator('main').textContent();
    for (const wanted of [report.settings.server, 'p99<60s', 'held', 'lock wait', 'not sent yet', 'No errors.', '300/s'])
      assert.ok(text.includes(wanted), wanted);
    // The experiment was once a clump among the settings.
    assert.ok(!text.includes('connections 4, pipeline 1'));
    const file = await page.locator('section', {hasText: 'The experiment'}).locator('details pre').textContent();
    assert.match(file, /^server = "http:.*\nconnections = 4\n(.*\n)*rate = "300\/s"\n(.*\n)*threshold = \["errors==0", "p99<60s"\]\n/);
  });

  test('shows how long the answers of each status took', async () => {
    const rows = page.locator('section', {hasText: 'Answers and errors'}).locator('tbody tr');
    assert.equal(await rows.count(), report.statuses.length);
    assert.match(await rows.first().innerText(), /\d [mµ]?s\s+[\d.]+ [mµ]?s\s+[\d.]+ [mµ]?s\s+success/);
  });

  test('has caused no message, no exception and no request', () => assert.deepEqual(page.faults, []));
});

test('fits a phone, in the dark, and on paper', async () => {
  const page = await open(browser, run.file('run.html'), {viewport: {width: 360, height: 700}, colorScheme: 'dark', isMobile: true});
  const [wide, visible] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= visible, `${wide} in ${visible}`);
  for (const plot of await inspectPlots(page)) assert.ok(plot.inked > 1000, JSON.stringify(plot));
  const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({media: 'print', colorScheme: 'light'});
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), paper);
  assert.equal(await page.locator('button:visible').count(), 0);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('shows hostile text as text', async () => {
  const hostile = '</script><img src=x onerror="document.title=1"><script>document.title=2</script>';
  const page = await open(browser, withReport('hostile.html', changed => {
    changed.settings.server = hostile;
    changed.thresholds[0].threshold = hostile;
    changed.statuses[0].operation = hostile;
    changed.errors.kinds[hostile] = 3;
    changed.latency_ms[hostile] = changed.latency_ms.all;
    changed.curve_ms[hostile] = changed.curve_ms.all;
  }));
  assert.equal(await page.locator('img').count(), 0);
  assert.equal(await page.title(), 'Holdfast load report');
  assert.ok((await page.locator('dl').textContent()).includes(hostile));
  assert.ok((await page.locator('.u-legend').allTextContents()).some(text => text.includes('onerror')));
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('lets no script run but its own', async () => {
  const page = await open(browser, run.file('run.html'));
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'document.title = "taken over"';
    document.body.append(script);
  });
  assert.equal(await page.title(), 'Holdfast load report');
  await page.context().close();
});

test('shows several runs, and each when asked', async () => {
  const page = await open(browser, withReport('runs.html', changed => {
    const other = structuredClone(changed);
    other.throughput_per_s = 7;
    return {version: 1, runs: [changed, other, changed]};
  }));
  assert.equal(await page.getByRole('button', {name: /^run \d$/}).count(), 3);
  const bottom = await page.locator('section', {hasText: 'Runs'}).first().boundingBox();
  const top = await page.locator('.tile').first().boundingBox();
  assert.ok(top.y - (bottom.y + bottom.height) > 8, 'the runs keep their distance from the figures');
  await page.getByRole('button', {name: 'run 2'}).press('Enter');
  assert.equal(await page.locator('.tile.great .value').first().textContent(), '7.00/s');
  for (const plot of await inspectPlots(page)) assert.ok(plot.inked > 2000, JSON.stringify(plot));
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('tells whether the answers were right, and shows each counter-example as text', async () => {
  const verified = await measure(['--verify', '--mix', 'get=60,put=40', '--keys', '8', '--duration', '1s', '--connections', '4',
    '--json', '{run.json}']);
  const found = JSON.parse(readFileSync(verified.file('run.json'), 'utf8')).verification;
  verified.remove();
  const right = await open(browser, withReport('right.html', changed => { changed.verification = found; }));
  const section = page => page.locator('section', {hasText: 'Were the answers right?'});
  // So short waits tell nothing about the order; it was once called right in all of no pairs.
  assert.equal(found.lock_order.judged_pairs, 0);
  assert.match(await section(right).innerText(), /linearizable — [\d,]+ operations on 8 keys.*No pair of requests tells surely/s);
  await right.context().close();
  const judged = await open(browser, withReport('judged.html', changed => {
    changed.verification = {...found, lock_order: {...found.lock_order, judged_pairs: 12}};
  }));
  assert.match(await section(judged).innerText(), /in the order of asking, in all 12 pairs/);
  await judged.context().close();

  const timeline = '  connection 0  |A|\n  A  0 ns to 66.8 us  put <img src=x>\n';
  const wrong = await open(browser, withReport('wrong.html', changed => {
    changed.verification = {...found, verdict: 'violated', violations: [{key: 'load-1', kind: 'stale_read', timeline}],
      lock_order: {...found.lock_order, broken: true, broken_pairs: 3}};
  }));
  assert.match(await section(wrong).innerText(), /VIOLATED.*load-1: stale read.*out of turn: 3 times/s);
  assert.equal(await section(wrong).locator('pre').textContent(), timeline);
  assert.deepEqual(wrong.faults, []);
  await wrong.context().close();
});

test('shows what a search for the highest rate tried, and what a request cost the server', async () => {
  const page = await open(browser, withReport('search.html', changed => {
    changed.find_max = {rate_per_s: 2000, confirmed: true, bounded_by: 'limit', limits: ['p99<5ms'], probes: [
      {rate_per_s: 4000, answered_per_s: 3900, p50_ms: 1, p99_ms: 9, confirms: false, outcome: 'broken', why: 'p99 9 ms'},
      {rate_per_s: 2000, answered_per_s: 2000, p50_ms: 1, p99_ms: 2, confirms: true, outcome: 'held', why: ''}]};
    changed.server = {pid: 42, name: 'holdfast-server', cpu_ms: 5, cpu_us_per_request: 12.5, cores: 0.25};
  }));
  const search = page.locator('section', {hasText: 'The highest rate'});
  assert.match(await search.innerText(), /Limits: p99<5ms.*hold them: 2,000\/s\./s);
  assert.equal(await search.locator('tbody tr').count(), 2);
  assert.match(await page.locator('section', {hasText: 'The experiment'}).innerText(),
    /process 42 \(holdfast-server\): 0\.25 cores busy, 12\.5 .s of processor time a request/);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('tells why requests were refused, and who had the processors of the client', async () => {
  const page = await open(browser, withReport('refused.html', changed => {
    Object.assign(changed.statuses[0], {status: 400, success: false, reason: '<i>too long</i>'});
    Object.assign(changed.client, {was_the_limit: true, starved_share: 0.7});
  }));
  const text = await page.locator('main').innerText();
  assert.match(text, /A \w+ was answered 400: <i>too long<\/i>/);
  assert.match(text, /others had its processors/);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('invents no figure of a run that was never answered', async () => {
  const page = await open(browser, withReport('nothing.html', changed => {
    for (const name of Object.keys(changed.latency_ms)) changed.latency_ms[name] = {count: 0};
    for (const name of ['before_sending_ms', 'wait_ms', 'hold_ms', 'rest_ms']) changed.split[name] = {count: 0, share: null};
    Object.assign(changed, {throughput_per_s: 0, curve_ms: {}, seconds: [], statuses: []});
    changed.split.answers = 0;
    changed.client.cpu_us_per_request = null;
    changed.open_loop.since_sent_ms = {count: 0};
  }));
  assert.deepEqual(await page.locator('.tile.great .value').allTextContents(), ['0/s', '–']);
  assert.equal(await page.locator('.plot').count(), 0);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});
