// The description of the page, links, and the choice of the view.
import {h, setText} from './dom';
import {ask} from './token';

const perfetto = 'https://ui.perfetto.dev';

export class Masthead {
  private readonly lock = h('a', {href: '#', id: 'show-lock'}, 'Lock');
  private readonly data = h('a', {href: '#data', id: 'show-data'}, 'Data');
  private readonly version = h('a', {href: '/version', id: 'version'}, 'Version');
  readonly element = h('header', {},
    h('h1', {}, 'Holdfast'),
    h('nav', {'aria-label': 'Views'}, this.lock, this.data),
    h('p', {class: 'what'}, 'A key-value server whose requests take turns at one fair lock. This page shows live who holds the lock, ' +
      'who waits for it, and who makes others wait.'),
    h('nav', {class: 'links', 'aria-label': 'More about this server'},
      h('span', {}, h('a', {href: '/v1/lock/trace?duration=10s', download: 'holdfast-trace.json'}, 'Trace of the last 10 s'),
        ' for ', h('a', {href: perfetto, rel: 'noreferrer noopener', target: '_blank'}, 'Perfetto')),
      h('a', {href: '/metrics'}, 'Metrics'),
      h('a', {href: '/v1/openapi.json'}, 'API reference'),
      this.version));

  show(view: 'lock' | 'data'): void {
    for (const [name, link] of [['lock', this.lock], ['data', this.data]] as const) {
      if (name === view) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  }

  async askVersion(): Promise<void> {
    try {
      const response = await ask('/version', {headers: {Accept: 'application/json'}});
      if (response.ok) setText(this.version, `Version ${String((await response.json() as {version: unknown}).version)}`);
    } catch { /* the plain link remains */ }
  }
}
