// Reads the report or the comparison that the page carries and shows it.
import {h, section, table} from './dom';
import * as format from './format';
import type {Comparison} from './comparison';
import {comparisonView} from './comparison_view';
import {drawAll, keepDrawn} from './plot';
import type {Report} from './report';
import {runView} from './run_view';

function masthead(title: string, lines: string[]): HTMLElement {
  return h('header', {}, h('p', {class: 'brand'}, 'Holdfast'), h('h1', {}, title),
    ...lines.map(line => h('p', {class: 'note'}, line)));
}

function described(report: Report): string {
  const {settings} = report;
  const loop = settings.loop === 'open' && report.open_loop
    ? `open loop, ${format.rate(report.open_loop.asked_per_s)} asked for` : 'closed loop';
  return [loop, format.plural(settings.connections, 'connection'), format.plural(settings.threads, 'thread'),
    `measured for ${format.ms(report.elapsed_ms)}`].join(' · ');
}

/// The run in the middle by throughput: the one to look at first.
function medianRun(runs: Report[]): number {
  const order = runs.map((run, index) => ({index, rate: run.throughput_per_s})).sort((a, b) => a.rate - b.rate);
  return order[Math.floor((order.length - 1) / 2)]?.index ?? 0;
}

function severalRuns(runs: Report[], show: (index: number) => void): {element: HTMLElement; mark: (index: number) => void} {
  const buttons = runs.map((_, index) => h('button', {type: 'button', class: 'small', click: () => show(index)}, `run ${index + 1}`));
  const rows = runs.map((run, index) => [buttons[index]!, format.rate(run.throughput_per_s), format.ms(run.latency_ms['all']?.p99),
    format.count(run.errors.total), run.thresholds.length === 0 ? '–' : run.thresholds.every(one => one.held) ? 'held' : 'broken']);
  return {
    element: section('Runs', table('Runs', ['', 'throughput', 'p99', 'errors', 'thresholds'], rows)),
    mark: index => buttons.forEach((button, at) => button.setAttribute('aria-pressed', String(at === index))),
  };
}

function showLoad(runs: Report[]): void {
  const main = h('main', {});
  const place = h('div', {});
  const first = runs[0];
  if (first === undefined) throw new Error('the report has no run');
  const title = 'Load report';
  main.append(masthead(title, [`${first.settings.server} · ${first.started_at.replace('T', ' ').replace('Z', ' UTC')}`, described(first)]));
  let mark = (_: number) => {};
  const show = (index: number) => {
    mark(index);
    place.replaceChildren(runView(runs[index]!));
    drawAll();
  };
  if (runs.length > 1) {
    const several = severalRuns(runs, show);
    mark = several.mark;
    main.append(several.element);
  }
  main.append(place);
  document.body.append(main);
  show(medianRun(runs));
}

function showComparison(made: Comparison): void {
  document.title = 'Holdfast comparison';
  const side = (name: string, of: Comparison['before']) => `${name}: ${of.file}, ${format.plural(of.runs, 'run')}`;
  document.body.append(h('main', {},
    masthead('Comparison', [side('before', made.before), side('after', made.after)]), comparisonView(made)));
  drawAll();
}

function start(): void {
  const data = JSON.parse(document.getElementById('data')?.textContent ?? '') as Report | {runs: Report[]} | Comparison;
  if ('figures' in data) showComparison(data);
  else showLoad('runs' in data ? data.runs : [data]);
  keepDrawn();
  document.documentElement.dataset['ready'] = 'yes';
}

start();
