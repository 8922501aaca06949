// Two experiments side by side: what really changed, by how much, and what it looked like.
import {h, section, table} from './dom';
import * as charts from './comparison_charts';
import type {Comparison, Effect, FigureComparison} from './comparison';
import * as format from './format';
import {figure} from './plot';
import {splitBar, tile} from './run_view';
import {strip} from './strip';

const words = {better: 'better', worse: 'worse', no_difference: 'no difference shown', not_judged: 'not judged'} as const;
const shortWords = {...words, no_difference: 'none shown'} as const;
const kinds = {better: 'good', worse: 'bad', no_difference: '', not_judged: ''} as const;

function value(one: FigureComparison, number: number | null): string {
  if (number == null) return '–';
  if (one.unit === 'requests/s') return format.rate(number);
  if (one.unit === 'ms') return format.ms(number);
  if (one.unit === 'us/request') return format.ms(number / 1000);
  return String(Number(number.toPrecision(3)));
}

function signed(change: Effect, number: number): string {
  const shown = change.relative ? number * 100 : number;
  const digits = change.relative ? 1 : Number.isInteger(shown) ? 0 : 2;
  return (shown < 0 ? '−' : '+') + Math.abs(shown).toFixed(digits) + (change.relative ? ' %' : '');
}

function interval(change: Effect): string { return `${signed(change, change.low)} to ${signed(change, change.high)}`; }

function probability(p: number | null): string { return p == null ? '–' : p < 0.0001 ? '< 0.0001' : p.toFixed(4); }

function lead(made: Comparison): HTMLElement {
  const great = ['throughput', 'p99'].map(name => {
    const one = made.figures.find(of => of.figure === name);
    if (one === undefined) return null;
    const medians = `${name}: ${value(one, one.before_median)} → ${value(one, one.after_median)}, ${words[one.verdict]}`;
    return tile(one.change ? signed(one.change, one.change.estimate) : '–', medians, `great ${kinds[one.verdict]}`);
  });
  return h('div', {class: 'tiles'}, ...great);
}

function warnings(made: Comparison): HTMLElement | null {
  const reasons = new Map<string, string[]>();
  for (const one of made.figures) {
    if (one.why_not != null) reasons.set(one.why_not, [...reasons.get(one.why_not) ?? [], one.figure]);
  }
  const texts = [...made.notes, ...[...reasons].map(([why, names]) => 
    `${names.length === made.figures.length ? 'Nothing was judged' : `Not judged: ${names.join(', ')}`}: ${why}.`)];
  return texts.length === 0 ? null
    : h('div', {class: 'warnings', role: 'note'}, ...texts.map(text => h('p', {}, text)));
}

function limits(made: Comparison): HTMLElement | null {
  if (made.limits.length === 0) return null;
  return section('Limits', table('Limits', ['limit', 'because', ''], made.limits.map(one => [one.limit, one.because,
    h('strong', {class: !one.judged ? '' : one.broken ? 'bad' : 'good'}, !one.judged ? 'not judged' : one.broken ? 'broken' : 'held')])));
}

function runsOf(one: FigureComparison): Node | string {
  if (one.before.length + one.after.length === 0) return '';
  const told = (name: string, values: number[]) => `${name} ${values.map(of => value(one, of)).join(', ') || 'none'}`;
  return strip([{values: one.before, median: one.before_median, kind: 'before'},
    {values: one.after, median: one.after_median, kind: 'after'}], `${told('before', one.before)}; ${told('after', one.after)}`);
}

function figures(made: Comparison): HTMLElement {
  const rows = made.figures.map(one => [one.figure, value(one, one.before_median), value(one, one.after_median), runsOf(one),
    one.change ? signed(one.change, one.change.estimate) : '–', one.change ? interval(one.change) : '–',
    probability(one.p), probability(one.adjusted_p), h('strong', {class: kinds[one.verdict]}, shortWords[one.verdict])]);
  return section('Figures',
    h('p', {class: 'key-line'}, h('span', {class: 'key of-before'}, 'before'), h('span', {class: 'key of-after'}, 'after')),
    table('Figures', ['', 'before', 'after', 'each run', 'change', '95 % interval', 'p', 'p (Holm)', 'difference'], rows),
    made.figures.some(one => one.p != null) && h('p', {class: 'note'},
      'Medians of the runs. The change is the median ratio of an after run to a before run (Hodges-Lehmann) with its 95 % ' +
      'interval; p is that of the exact Mann-Whitney test. A difference counts as real when p is at most 0.05; p (Holm) makes ' +
      'up for judging several figures at once. cpu is the client’s own.'));
}

function differences(made: Comparison): HTMLElement | null {
  if (made.differences.length === 0) return null;
  const shown = (text: string) => text === '' ? 'not set' : text;
  return section('What was set differently', h('p', {class: 'note'}, 'So a change need not be the server’s.'),
    table('Settings', ['setting', 'before', 'after'], made.differences.map(one => [one.setting, shown(one.before), shown(one.after)])));
}

function sides(made: Comparison): HTMLElement {
  return h('div', {class: 'sides'}, ...(['before', 'after'] as const).map(name =>
    h('div', {}, h('h3', {}, name), splitBar(made[name].report))));
}

export function comparisonView(made: Comparison): HTMLElement {
  const both = [made.before, made.after];
  const middle = `Run ${made.before.middle} of ${made.before.runs} before and run ${made.after.middle} of ${made.after.runs} ` +
    'after: the ones in the middle by throughput.';
  return h('div', {}, lead(made), warnings(made), limits(made), figures(made), differences(made),
    both.every(side => side.report.seconds?.length > 0) && section('Over time', h('p', {class: 'note'}, middle),
      figure(charts.throughput(made)), figure(charts.p99(made))),
    both.every(side => (side.report.curve_ms?.['all']?.length ?? 0) > 0) &&
      section('The percentile curve', h('p', {class: 'note'}, middle), figure(charts.curves(made))),
    both.every(side => side.report.split) && section('Where the time went', h('p', {class: 'note'}, middle), sides(made)));
}
