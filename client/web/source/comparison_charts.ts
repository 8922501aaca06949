// The middle runs of two experiments in one plot each.
import uPlot from 'uplot';
import {type Plot, type Line} from './plot';
import {curvePlot, endOf} from './charts';
import * as format from './format';
import {plottedSeconds, type Report, type Second} from './report';
import type {Comparison} from './comparison';

type OfSecond = (row: Second) => number | null;

/// One figure of each side over the seconds of both.
function overTime(made: Comparison, of: OfSecond): Pick<Plot, 'x' | 'xName' | 'xText' | 'lines'> {
  const points = (report: Report): uPlot.AlignedData => {
    const rows = plottedSeconds(report);
    return [rows.map(endOf), rows.map(of)];
  };
  const [x, before, after] = uPlot.join([points(made.before.report), points(made.after.report)]);
  const line = (name: 'before' | 'after', values: typeof before): Line =>
    ({name, colour: name, values: [...(values ?? [])].map(value => value ?? null)});
  return {x: [...(x ?? [])] as number[], xName: 'seconds since the start', xText: at => `${Number(at.toFixed(1))} s`,
    lines: [line('before', before), line('after', after)]};
}

export function throughput(made: Comparison): Plot {
  return {...overTime(made, row => row.answers / (row.length_ms / 1000)), title: 'Throughput',
    note: 'Successful answers in each second.', yText: format.rate};
}

export function p99(made: Comparison): Plot {
  return {...overTime(made, row => row.p99_ms), title: 'p99 over time', note: 'Of the answers in each second.',
    yText: format.ms, log: true};
}

export function curves(made: Comparison): Plot {
  return curvePlot('Percentiles',
    'How many of the answers took no longer than that. Each step to the right is ten times rarer.',
    (['before', 'after'] as const).map((name): [string, [number, number][]] => [name, made[name].report.curve_ms['all'] ?? []]));
}
