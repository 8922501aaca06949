// A headless Chromium without network access, and pages that record their errors.
import {accessSync, constants} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {chromium} from 'playwright-core';

export function findBrowser() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const directory of process.env.PATH.split(':')) {
    for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
      try {
        accessSync(join(directory, name), constants.X_OK);
        return join(directory, name);
      } catch { /* the next one */ }
    }
  }
  return undefined;
}

export function launch(executablePath) {
  // One process for all pages, and none for a GPU that is not there: a sixth less time.
  return chromium.launch({executablePath, timeout: 90_000, args: ['--no-sandbox', '--disable-gpu', '--disable-quic',
    '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--in-process-gpu',
    '--renderer-process-limit=1']});
}

/// Opens a file or an address. @param options of the context; `prepare` is called with the page before anything is
/// loaded
/// @return the page; page.faults contains console messages, exceptions, and requests for anything but the file, or for
/// another host
export async function open(browser, what, {prepare, ...options} = {}) {
  const context = await browser.newContext({viewport: {width: 1100, height: 800}, ...options});
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.faults = [];
  const url = what.startsWith('http:') ? what : pathToFileURL(what).href;
  const {origin} = new URL(url);
  const allowed = request => request === url || request.startsWith('data:') || (origin !== 'null' && request.startsWith(`${origin}/`));
  page.on('console', message => page.faults.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', error => page.faults.push(`exception: ${error.message}`));
  page.on('request', request => { if (!allowed(request.url())) page.faults.push(`request: ${request.url()}`); });
  await prepare?.(page);
  await page.goto(url);
  await page.waitForSelector('html[data-ready=yes]');
  return page;
}

/// The number of colours in each plot's canvas, and the number of its pixels that are not empty.
export function inspectPlots(page) {
  return page.$$eval('.plot', plots => plots.map(plot => {
    const canvas = plot.querySelector('canvas');
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    let inked = 0;
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] === 0) continue;
      ++inked;
      colours.add(`${data[at] >> 5},${data[at + 1] >> 5},${data[at + 2] >> 5}`);
    }
    return {colours: colours.size, inked, points: Number(plot.dataset.points), lines: Number(plot.dataset.lines),
      title: plot.getAttribute('aria-label').split('.')[0]};
  }));
}
