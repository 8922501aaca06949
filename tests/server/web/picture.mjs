// Makes the picture of README: the page after its button was pressed. HOLDFAST_PICTURE says where to; HOLDFAST_SERVER is the
// program. The target holdfast_page_picture runs it.
import {findBrowser, launch} from '../../support/web/browser.mjs';
import {startServer} from '../../support/web/server.mjs';
import {openPage, runLesson} from './page_reader.mjs';

const server = await startServer();
const browser = await launch(findBrowser());
try {
  const page = await openPage(browser, server.url, {viewport: {width: 1000, height: 800}, colorScheme: 'light'});
  await new Promise(resolve => setTimeout(resolve, 2500));
  const {readers} = await runLesson(page);
  await page.locator(`#requests-in-view tr[data-id="${readers[1].id}"] button`).press('Enter');
  await page.getByRole('button', {name: 'Zoom in'}).click();
  await page.evaluate(() => { scrollTo(0, 0); document.activeElement.blur(); });
  await new Promise(resolve => setTimeout(resolve, 700));
  const bottom = await page.locator('#blame-sources').evaluate(element => element.closest('section').getBoundingClientRect().bottom);
  await page.screenshot({path: process.env.HOLDFAST_PICTURE, fullPage: true, clip: {x: 0, y: 0, width: 1000, height: Math.ceil(bottom) + 14}});
} finally {
  await browser.close();
  await server.stop();
}
