// Makes the picture of README: the page after its button was pressed. HOLDFAST_PICTURE says where to; HOLDFAST_SERVER is the
// program. The target holdfast_page_picture runs it.
import {findBrowser, launch} from '../../support/web/browser.mjs';
import {startServer} from '../../support/web/server.mjs';
import {eventually, openPage, runLesson} from './page_reader.mjs';

const server = await startServer();
const browser = await launch(findBrowser());
try {
  const page = await openPage(browser, server.url, {viewport: {width: 1000, height: 800}, colorScheme: 'light'});
  await new Promise(resolve => setTimeout(resolve, 2500));
  const {readers} = await runLesson(page);
  // The moment as a link would show it: from a little before the first reader until a little after the last.
  await page.click('#link');
  const moment = new URLSearchParams(new URL(page.url()).hash.slice(1));
  const ns = ms => String(Math.round(ms * 1e6));
  moment.set('from', ns(readers[0].asked - 1500));
  moment.set('to', ns(readers[2].ended + 500));
  moment.set('request', String(readers[1].id));
  await page.click('#pause');
  await page.evaluate(fragment => { location.hash = fragment; }, `#${moment}`);
  await eventually('the second reader\'s story', async () => (await page.textContent('#story')).startsWith(readers[1].source));
  await page.evaluate(() => { scrollTo(0, 0); document.activeElement.blur(); });
  await new Promise(resolve => setTimeout(resolve, 700));
  const bottom = await page.locator('#blame-sources').evaluate(element => element.closest('section').getBoundingClientRect().bottom);
  await page.screenshot({path: process.env.HOLDFAST_PICTURE, fullPage: true, clip: {x: 0, y: 0, width: 1000, height: Math.ceil(bottom) + 14}});
} finally {
  await browser.close();
  await server.stop();
}
