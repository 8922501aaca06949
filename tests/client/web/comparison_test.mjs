// The page that holdfast compare --html writes, in a real browser.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import {after, before, describe, test} from 'node:test';
import {findBrowser, inspectPlots, launch, open} from '../../support/web/browser.mjs';
import {measure} from './measured_run.mjs';

const executable = findBrowser();
if (executable === undefined) {
  console.log('SKIPPED: there is no chromium in PATH, nor in CHROMIUM');
  process.exit(0);
}

// Six runs a side, of which those after hold the lock: a difference that no test misses.
let browser, quick, held, told;
const page = name => quick.file(name);
const compare = (...args) => execFileSync(process.env.HOLDFAST, ['compare', ...args], {encoding: 'utf8'});
before(async () => {
  const runs = ['--runs', '6', '--duration', '400ms', '--warm-up', '0', '--connections', '4', '--json', '{runs.json}'];
  quick = await measure(runs);
  held = await measure([...runs, '--hold', '3ms']);
  const files = [quick.file('runs.json'), held.file('runs.json')];
  compare(...files, '--html', page('comparison.html'));
  told = JSON.parse(compare(...files, '--json'));
  browser = await launch(executable);
});
after(async () => {
  await browser?.close();
  quick?.remove();
  held?.remove();
});

const withComparison = (name, change) => {
  const shown = readFileSync(page('comparison.html'), 'utf8').replace(
    /(<script type="application\/json" id="data">)([^<]*)/, (_, head, data) => {
      const changed = JSON.parse(data);
      change(changed);
      return head + JSON.stringify(changed).replaceAll('<', '\\u003c');
    });
  writeFileSync(page(name), shown);
  return page(name);
};

describe('the page of a comparison', () => {
  let shown;
  before(async () => { shown = await open(browser, page('comparison.html')); });
  after(() => shown?.context().close());

  test('leads with how far throughput and p99 have changed, and whether that is real', async () => {
    const tiles = await shown.locator('.tile.great').allTextContents();
    const change = told.figures.find(one => one.figure === 'throughput').change.estimate;
    assert.ok(tiles[0].startsWith(`−${Math.abs(change * 100).toFixed(1)} %throughput: `), tiles[0]);
    assert.match(tiles[0], / → .*, worse$/);
    assert.match(tiles[1], /^\+.*p99: .*, worse$/);
  });

  test('has each figure of both sides beside one another', async () => {
    const rows = shown.getByRole('region', {name: 'Figures'}).locator('tbody tr');
    assert.deepEqual(await rows.locator('th').allTextContents(), told.figures.map(one => one.figure));
    assert.deepEqual(await rows.first().locator('circle.before').count(), 6);
    assert.deepEqual(await rows.first().locator('circle.after').count(), 6);
    assert.deepEqual(await shown.locator('.sides h3').allTextContents(), ['before', 'after']);
  });

  test('draws every plot with both sides', async () => {
    const plots = await inspectPlots(shown);
    assert.deepEqual(plots.map(plot => plot.title), ['Throughput', 'p99 over time', 'Percentiles']);
    for (const plot of plots) assert.ok(plot.inked > 1000 && plot.colours > 3 && plot.lines === 2, JSON.stringify(plot));
  });

  test('tells what was set differently', async () => {
    const settings = await shown.getByRole('region', {name: 'Settings'}).locator('tbody th').allTextContents();
    assert.deepEqual(settings, told.differences.map(one => one.setting));
    assert.ok(settings.includes('hold'));
  });

  test('has caused no message, no exception and no request', () => assert.deepEqual(shown.faults, []));
});

test('fits a phone in the dark', async () => {
  const shown = await open(browser, page('comparison.html'),
    {viewport: {width: 360, height: 700}, colorScheme: 'dark', isMobile: true});
  const [wide, visible] = await shown.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= visible, `${wide} in ${visible}`);
  assert.deepEqual(shown.faults, []);
  await shown.context().close();
});

test('shows limits, and hostile text as text', async () => {
  const hostile = '</script><img src=x onerror="document.title=1">';
  const shown = await open(browser, withComparison('hostile.html', changed => {
    changed.before.file = changed.differences[0].setting = changed.differences[0].before = hostile;
    changed.notes.push(hostile);
    changed.figures[0].figure = hostile;
    changed.limits.push({limit: hostile, judged: true, broken: true, because: hostile});
  }));
  assert.equal(await shown.locator('img').count(), 0);
  assert.equal(await shown.title(), 'Holdfast comparison');
  assert.ok((await shown.getByRole('region', {name: 'Limits'}).textContent()).includes(hostile));
  assert.deepEqual(shown.faults, []);
  await shown.context().close();
});

test('says that single runs can not be judged, and invents nothing that they lack', async () => {
  const shown = await open(browser, withComparison('single.html', changed => {
    for (const one of changed.figures) {
      Object.assign(one, {before: one.before.slice(0, 1), after: [], after_median: null, change: null, p: null,
        adjusted_p: null, verdict: 'not_judged', why_not: 'one run shows no spread'});
    }
    // The middle run before was never answered; the report after is of a program that told less.
    Object.assign(changed.before.report, {seconds: [], curve_ms: {}});
    changed.before.report.split.answers = 0;
    for (const part of ['seconds', 'curve_ms', 'split']) delete changed.after.report[part];
  }));
  assert.deepEqual(await shown.locator('.tile.great .value').allTextContents(), ['–', '–']);
  assert.ok((await shown.locator('.warnings').textContent()).includes('one run shows no spread'));
  assert.equal(await shown.locator('.plot').count(), 0);
  assert.deepEqual(shown.faults, []);
  await shown.context().close();
});
