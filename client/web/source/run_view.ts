// Everything about one run, from its two numbers to its settings.
import {h, section, table} from './dom';
import * as format from './format';
import * as charts from './charts';
import {drawAll, figure} from './plot';
import {isOpen, type Figures, type Report} from './report';
import {search, verification} from './verdict_view';

export function tile(value: string, name: string, kind = ''): HTMLElement {
  return h('div', {class: `tile ${kind}`}, h('span', {class: 'value'}, value), h('span', {class: 'name'}, name));
}

export function lead(report: Report): HTMLElement {
  const all = report.latency_ms['all'];
  const errors = report.errors.total;
  return h('div', {class: 'tiles'},
    tile(format.rate(report.throughput_per_s), 'throughput', 'great'),
    tile(format.ms(all?.p99), 'p99 latency', 'great'),
    tile(format.ms(all?.p50), 'p50'),
    tile(format.percent(report.split.answers === 0 ? null : report.split.wait_ms.share), 'of it waiting for the lock'),
    tile(format.count(errors), errors === 1 ? 'error' : 'errors', errors > 0 ? 'bad' : ''));
}

function isStarved(report: Report): boolean { return (report.client.starved_share ?? 0) > 0.1; }

/// What a reader has to know before believing the figures.
function warnings(report: Report): HTMLElement | null {
  const texts: string[] = [];
  if (report.interrupted) texts.push('The run was interrupted before its time.');
  if (report.client.was_the_limit)
    texts.push(isStarved(report)
      ? 'The client was the limit: others had its processors. It needs some of its own to show what the server can do.'
      : 'The client was the limit: its threads had no time left. The server could do more than this.');
  if (report.open_loop && report.open_loop.late_share > 0.01)
    texts.push(`The client could not keep up: it started ${format.percent(report.open_loop.late_share)} of its requests late.`);
  if (report.unfinished.count > 0)
    texts.push(`${format.plural(report.unfinished.count, 'request')} had no answer when time was up, the oldest for ` +
      `${format.ms(report.unfinished.oldest_ms)}; they are in no other figure.`);
  return texts.length === 0 ? null : h('div', {class: 'warnings', role: 'note'}, ...texts.map(text => h('p', {}, text)));
}

function thresholds(report: Report): HTMLElement | null {
  if (report.thresholds.length === 0) return null;
  return section('Thresholds', table('Thresholds', ['threshold', 'measured', ''], report.thresholds.map(one =>
    [one.threshold, one.measured, h('strong', {class: one.held ? 'good' : 'bad'}, one.held ? 'held' : 'broken')])));
}

const columns = ['p50', 'p90', 'p99', 'p99_9', 'max', 'mean'] as const;

function latencyRow(name: string, figures: Figures): string[] {
  return [name, ...columns.map(column => format.ms(figures[column])), format.count(figures.count)];
}

function operations(report: Report): HTMLElement {
  const rows = Object.entries(report.latency_ms).filter(([name, figures]) => name === 'all' || figures.count > 0)
    .map(([name, figures]) => latencyRow(name, figures));
  if (report.open_loop) rows.push(latencyRow('since sent', report.open_loop.since_sent_ms));
  return section('Operations',
    table('Latency by operation', ['', 'p50', 'p90', 'p99', 'p99.9', 'max', 'mean', 'count'], rows),
    isOpen(report) && h('p', {class: 'note'}, 'Latency counts from when a request was due, also while it waited for a ' +
      'connection. A closed loop would leave that out and show the row “since sent”.'));
}

export function splitBar(report: Report): HTMLElement {
  const {split} = report;
  if (split.answers === 0) return h('p', {class: 'note'}, "No answer had a Server-Timing, so the latency can't be split.");
  const shares = [...charts.parts].reverse().map(([name, field, colour]) =>
    ({name, colour, part: split[`${field}_ms`]!})).filter(one => (one.part?.share ?? 0) > 0);
  const bar = h('div', {class: 'bar', role: 'img',
    'aria-label': shares.map(one => `${one.name} ${format.percent(one.part.share)}`).join(', ')});
  for (const one of shares) {
    const piece = h('span', {class: `of-${one.colour}`});
    piece.style.flexGrow = String(one.part.share);
    bar.append(piece);
  }
  return h('div', {}, bar, table('Parts of the latency', ['', 'share', 'mean', 'p50', 'p99', 'max'],
    shares.map(({name, colour, part}) => [h('span', {class: `key of-${colour}`}, name), format.percent(part.share),
      ...(['mean', 'p50', 'p99', 'max'] as const).map(column => format.ms(part[column]))])),
  split.without_timing + split.implausible_timing > 0 && h('p', {class: 'note'},
    `${format.plural(split.without_timing, 'answer')} had no Server-Timing and ${format.count(split.implausible_timing)} ` +
    'an impossible one; they are not in this table.'));
}

function answersAndErrors(report: Report): HTMLElement {
  const rows = report.statuses.map(one => [one.operation, String(one.status), format.count(one.count),
    ...(['p50', 'p99', 'max'] as const).map(column => format.ms(one.latency_ms?.[column])),
    h('span', {class: one.success ? 'good' : 'bad'}, one.success ? 'success' : 'error')]);
  const kinds = Object.entries(report.errors.kinds).filter(([, times]) => times > 0);
  return section('Answers and errors',
    table('Answers by status', ['operation', 'status', 'count', 'p50', 'p99', 'max', ''], rows),
    ...report.statuses.filter(one => one.reason != null).map(one =>
      h('p', {class: 'note'}, `A ${one.operation} was answered ${one.status}: ${one.reason}`)),
    kinds.length === 0 ? h('p', {class: 'note'}, 'No errors.') :
      table('Errors by kind', ['kind of error', 'count'], kinds.map(([kind, times]) => [kind.replaceAll('_', ' '), format.count(times)])),
    report.reconnects > 0 && h('p', {class: 'note'},
      `The server closed a connection between requests ${format.count(report.reconnects)} times.`));
}

/// The settings as `holdfast load --print-experiment` writes them.
function toml(flags: Record<string, unknown>): string {
  return Object.entries(flags).map(([name, value]) => `${name} = ${Array.isArray(value)
    ? `[${value.map(one => JSON.stringify(one)).join(', ')}]` : JSON.stringify(value)}\n`).join('');
}

function experiment(report: Report): HTMLElement {
  const {experiment: flags, ...settings} = report.settings;
  const rows = Object.entries(settings).map(([name, value]) =>
    [format.settingName(name), format.settingValue(name, value)]);
  const times: string[][] = [['started at', report.started_at], ['measured for', format.ms(report.elapsed_ms)]];
  const cost = (us: number | null) => us == null ? '' : `, ${format.ms(us / 1000)} of processor time a request`;
  const {client, server} = report;
  times.push(['client', `${format.percent(client.busy_share)} busy${cost(client.cpu_us_per_request)}` +
    (isStarved(report) ? `, ${format.percent(client.starved_share)} waiting for a processor` : '')]);
  if (server != null)
    times.push(['server', `process ${server.pid} (${server.name})` +
      (server.cores == null ? '' : `: ${server.cores.toFixed(2)} cores busy${cost(server.cpu_us_per_request)}`)]);
  return section('The experiment', h('dl', {}, ...[...rows, ...times].map(([name, value]) =>
    h('div', {}, h('dt', {}, name ?? ''), h('dd', {}, value ?? '')))),
  flags != null && h('details', {class: 'data'}, h('summary', {}, 'As a file for holdfast load'), h('pre', {}, toml(flags))));
}

function latencyFigure(report: Report): HTMLElement {
  const kinds = Object.entries(report.latency_ms).filter(([name, figures]) => name !== 'all' && figures.count > 0).map(([name]) => name);
  const place = h('div', {}, figure(charts.latency(report, 'all')));
  if (kinds.length < 2) return place;
  const buttons = ['all', ...kinds].map(name => h('button', {type: 'button', class: 'small', 'aria-pressed': String(name === 'all'),
    click: () => {
      place.replaceChild(figure(charts.latency(report, name)), place.lastChild!);
      for (const one of buttons) one.setAttribute('aria-pressed', String(one.textContent === name));
      drawAll();
    }}, name));
  place.prepend(h('div', {class: 'choices', role: 'group', 'aria-label': 'Operation'}, ...buttons));
  return place;
}

export function runView(report: Report): HTMLElement {
  const answered = (report.latency_ms['all']?.count ?? 0) > 0;
  return h('div', {}, lead(report), warnings(report), thresholds(report), verification(report),
    search(report),
    report.seconds.length > 0 && section('Over time', figure(charts.throughput(report)), latencyFigure(report)),
    answered && section('The percentile curve', figure(charts.curve(report))),
    answered && section('Where the time went',
      report.split.answers > 0 && report.seconds.length > 0 && figure(charts.split(report)), splitBar(report)),
    operations(report), answersAndErrors(report), experiment(report));
}
