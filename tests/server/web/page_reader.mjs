// Reads the page as its tests need it: by the tables that mirror the lanes.
import {open} from '../../support/web/browser.mjs';

/// The requests in view, as the table has them. Times in milliseconds since the server's start; null: not yet or never.
export function requestsOf(page) {
  return page.$$eval('#requests-in-view tbody tr[data-id]', rows => rows.map(row => {
    const ms = name => row.dataset[name] === '' ? null : Number(row.dataset[name]) / 1e6;
    return {id: Number(row.dataset.id), source: row.dataset.source, key: row.dataset.key, asked: ms('asked_ns'), granted: ms('granted_ns'),
      ended: ms('ended_ns'), cells: [...row.children].map(cell => cell.textContent)};
  }));
}

export function rowsOf(page, table) {
  return page.$$eval(`${table} tbody tr`, rows => rows.map(row => [...row.children].map(cell => cell.textContent)));
}

/// Asks again until the answer is truthy. @return it
export async function eventually(what, ask, within_ms = 20_000) {
  const until = Date.now() + within_ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > until) throw new Error(`never came true: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

/// Presses the button and waits until the three readers it started have been answered and are in the table, where they stay:
/// the page shows the moment of the second one and is paused. It presses again on a machine that is so busy that the page
/// started a reader too late to meet the one before.
export async function runLesson(page) {
  for (let attempt = 1;; ++attempt) {
    if (await page.getAttribute('#pause', 'aria-pressed') === 'true') await page.click('#pause');
    await page.click('#start-readers');
    await page.waitForSelector('#start-readers:not([aria-disabled])');
    const ids = await page.$$eval('.readers li', lines => lines.map(line => Number(line.dataset.request?.replace(/^.*-/, ''))));
    if (ids.some(id => !id)) throw new Error(`readers without an answer: ${await page.locator('.readers').textContent()}`);
    await page.locator('.readers button').nth(1).press('Enter');
    const look = async () => {
      const requests = await requestsOf(page);
      const readers = ids.map(id => requests.find(one => one.id === id));
      return readers.every(one => one?.ended) && {readers, writes: requests.filter(one => one.source === 'writer' && one.ended !== null)};
    };
    // On a busy machine the three may be too far apart to be in view at once.
    let told;
    for (let tries = 0; told === undefined; ++tries) {
      told = await eventually('the three readers in the table', look, 5000).catch(error => { if (tries === 5) throw error; });
      if (told === undefined) await page.click('[aria-label="Zoom out"]');
    }
    const met = told.readers.slice(1).every((reader, before) => reader.asked < told.readers[before].ended);
    if (met) return told;
    if (attempt === 5) throw new Error(`too busy for three readers to meet: ${JSON.stringify(told.readers)}`);
  }
}

/// Where the canvas has a moment (milliseconds) of a lane. @param fragment of a link, which says what is in view
/// @param lane_height is greater where fingers point
export async function placeOf(page, fragment, lane, at_ms, lane_height = 30) {
  const fields = new URLSearchParams(fragment.replace(/^.*#/, ''));
  const from = Number(fields.get('from')) / 1e6, to = Number(fields.get('to')) / 1e6;
  const box = await page.locator('.stage canvas').boundingBox();
  const gutter = Math.round(Math.min(150, box.width * 0.27));
  return {x: box.x + gutter + (at_ms - from) / (to - from) * (box.width - gutter), y: box.y + 26 + lane_height * (lane + 0.5)};
}

/// Opens the page of a server; what the browser says about lost connections is left out of its faults when told so.
export async function openPage(browser, url, options = {}) {
  const page = await open(browser, url, options);
  page.unexpected = () => page.faults.filter(fault => !/Failed to load resource: net::ERR_(CONNECTION|INCOMPLETE|EMPTY)/.test(fault));
  return page;
}
