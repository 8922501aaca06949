// The description of the page, links, and the choice of the view.
import {roleOf, type Cluster} from './cluster_role';
import {h, setText} from './dom';
import {ask} from './token';

const clusterInterval_ms = 2000;

const perfetto = 'https://ui.perfetto.dev';

export class Masthead {
  private readonly lock = h('a', {href: '#', id: 'show-lock'}, 'Lock');
  private readonly data = h('a', {href: '#data', id: 'show-data'}, 'Data');
  private readonly version = h('a', {href: '/version', id: 'version'}, 'Version');
  private readonly cluster = h('span', {id: 'cluster', hidden: true});
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
      this.version, this.cluster));

  show(view: 'lock' | 'data'): void {
    for (const [name, link] of [['lock', this.lock], ['data', this.data]] as const) {
      if (name === view) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  }

  /// Shows the version; in a cluster also the server's role, again and again.
  async askVersion(): Promise<void> {
    let wantsMore = false;
    try {
      const response = await ask('/version', {headers: {Accept: 'application/json'}});
      if (response.ok) {
        const told = await response.json() as {version: unknown, cluster?: Cluster};
        setText(this.version, `Version ${String(told.version)}`);
        if (told.cluster !== undefined) {
          setText(this.cluster, roleOf(told.cluster));
          this.cluster.hidden = false;
        }
      }
      wantsMore = !this.cluster.hidden;
    } catch {  // what was shown remains
      wantsMore = !this.cluster.hidden;
    }
    if (wantsMore) setTimeout(() => void this.askVersion(), clusterInterval_ms);
  }
}
