// The plots of one run.
import uPlot from 'uplot';
import {type Plot, type Line} from './plot';
import * as format from './format';
import {askedRate, isOpen, plottedSeconds, waitsForDisk, type Report, type Second, type SecondFigures} from './report';

const seconds = {xName: 'seconds since the start', xText: (x: number) => `${Number(x.toFixed(1))} s`};

/// A second's figures stand where it ends.
export function endOf(row: Second): number { return row.second + row.length_ms / 1000; }

export function throughput(report: Report): Plot {
  const rows = plottedSeconds(report);
  const perSecond = (count: number, row: Second) => count / (row.length_ms / 1000);
  const lines: Line[] = [
    {name: 'answers', colour: 'answers', values: rows.map(row => perSecond(row.answers, row))},
  ];
  if (isOpen(report)) {
    lines.push({name: 'asked for', colour: 'ink-soft', dashed: true,
      values: rows.map(row => askedRate(report, row.second + row.length_ms / 2000))});
  }
  if (rows.some(row => row.errors > 0))
    lines.push({name: 'errors', colour: 'bad', values: rows.map(row => perSecond(row.errors, row))});
  return {...seconds, title: 'Throughput', note: 'Successful answers in each second.',
    x: rows.map(endOf), lines, yText: format.rate};
}

const levels = [
  ['p50', 'p50_ms', 'q50'], ['p90', 'p90_ms', 'q90'], ['p99', 'p99_ms', 'q99'], ['p99.9', 'p99_9_ms', 'q999'],
  ['max', 'max_ms', 'qmax'],
] as const;

export function latency(report: Report, operation: string): Plot {
  const rows = plottedSeconds(report);
  const of = (row: Second): SecondFigures | undefined => operation === 'all' ? row : row.operations[operation];
  const lines: Line[] = levels.map(([name, field, colour]) => ({name, colour, values: rows.map(row => of(row)?.[field] ?? null)}));
  if (isOpen(report) && operation === 'all')
    lines.push({name: 'p99 since sent', colour: 'ink-soft', dashed: true, values: rows.map(row => row.since_sent_p99_ms ?? null)});
  return {...seconds, title: 'Latency over time',
    note: isOpen(report)
      ? 'Counted from when each request was due; the dashed line counts from when it was sent and hides what it waited before.'
      : 'Percentiles of the answers in each second.',
    x: rows.map(endOf), lines, yText: format.ms, log: true, height: 300};
}

/// Where a share stands on the axis: one step for each nine.
function nines(share: number): number { return -Math.log10(1 - share); }

const ownColours: Record<string, string> = {'since sent': 'ink-soft', before: 'before', after: 'after'};
const curveColours = ['q99', 'answers', 'wait', 'q90', 'hold', 'q999'];

/// Curves over one axis of percentiles. @param curves by name
export function curvePlot(title: string, note: string, curves: [string, [number, number][]][]): Plot {
  const tables = curves.map(([, points]): uPlot.AlignedData => {
    const below = points.filter(([share]) => share < 1);
    const last = nines(below.at(-1)?.[0] ?? 0);
    const maximum = points.at(-1)?.[1] ?? 0;
    return [[...below.map(([share]) => nines(share)), last + 0.05], [...below.map(point => point[1]), maximum]];
  });
  const [x, ...values] = uPlot.join(tables) as [number[], ...(number | null)[][]];
  const end = x.at(-1) ?? 1;
  const marks = [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999, 0.9999999, 0.99999999];
  return {title, note, x, xName: 'percentile', xText: at => format.percentile(at >= end ? 1 : 1 - 10 ** -at),
    xTicks: marks.map(nines).filter(at => at <= end),
    lines: curves.map(([name], index) => ({
      name, colour: ownColours[name] ?? curveColours[index % curveColours.length]!,
      dashed: name === 'since sent', values: (values[index] ?? []).map(value => value ?? null)})),
    yText: format.ms, log: true, height: 320};
}

export function curve(report: Report): Plot {
  const curves = Object.entries(report.curve_ms).map(([name, points]): [string, [number, number][]] =>
    [name.replaceAll('_', ' '), points]);
  return curvePlot('Percentiles',
    'How many of the answers took no longer than that. Each step to the right is ten times rarer.', curves);
}

export const parts = [
  ['the rest', 'rest', 'rest'], ['disk', 'disk', 'disk'], ['lock hold', 'hold', 'hold'], ['lock wait', 'wait', 'wait'],
  ['not sent yet', 'before_sending', 'unsent'],
] as const;

export function split(report: Report): Plot {
  const rows = plottedSeconds(report);
  const below = rows.map(() => 0);
  const isShown = (field: string) => field === 'before_sending' ? isOpen(report) : field !== 'disk' || waitsForDisk(report);
  const lines = parts.filter(([, field]) => isShown(field)).map(([name, field, colour]): Line => {
    const values = rows.map(row => row.split_ms?.[field] ?? null);
    const plotted = values.map((value, index) => value == null ? null : (below[index] = below[index]! + value));
    return {name, colour, values, plotted, stacked: true};
  });
  return {...seconds, title: 'Where the time went', note: "Mean parts of a latency, by the server's own Server-Timing.",
    x: rows.map(endOf), lines, yText: format.ms};
}
