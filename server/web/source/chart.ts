// Waits and holds per second, drawn by uPlot on a logarithmic axis.
import uPlot from 'uplot';
import {h} from './dom';
import {axisOrigin_ns, duration, moment} from './format';
import type {Seconds} from './seconds';

const lines = [
  {label: 'wait p50', field: 'wait_p50_ns', colour: 'wait-ink', dash: []},
  {label: 'wait p99', field: 'wait_p99_ns', colour: 'wait-ink', dash: [6, 4]},
  {label: 'hold p50', field: 'hold_p50_ns', colour: 'accent', dash: []},
  {label: 'hold p99', field: 'hold_p99_ns', colour: 'accent', dash: [6, 4]},
] as const;
const least_ns = 100;  // a logarithmic axis has no 0: waits of zero are drawn at the bottom

/// Labels every second power of ten.
function powers(_: uPlot, marks: number[]): (number | null)[] {
  return marks.map(mark => Math.log10(mark) % 2 === 0 ? mark : null);
}

/// The legend shows the values of the hovered second, else of the latest, or nothing.
function text(value: number | null | undefined, write: (value: number) => string): string { return value == null ? '' : write(value); }

function latest(values: ArrayLike<number | null | undefined>): number | undefined {
  for (let at = values.length - 1; at >= 0; --at) if (values[at] != null) return values[at]!;
  return undefined;
}

/// Marks at round times of the displayed clock.
function secondsBetween(_: uPlot, __: number, from: number, to: number, step: number): number[] {
  const origin = axisOrigin_ns() / 1e9;
  const marks: number[] = [];
  for (let at = origin + Math.ceil((from - origin) / step) * step; at <= to; at += step) marks.push(at);
  return marks;
}

export class SecondsChart {
  readonly element = h('div', {class: 'plot', role: 'img', 'aria-label':
    'Percentiles of waits and holds in each second of the last minutes. The table above has those of the whole time.'});
  private drawn: uPlot | undefined;
  private width = 0;

  constructor(private readonly seconds: Seconds) {
    new ResizeObserver(() => {
      if (this.element.clientWidth === this.width) return;
      this.width = this.element.clientWidth;
      this.redraw();
    }).observe(this.element);
  }

  update(): void {
    if (this.drawn === undefined) this.redraw();
    else this.drawn.setData(this.data());
  }

  /// Draws again with the current width and colours.
  redraw(): void {
    this.drawn?.destroy();
    this.drawn = undefined;
    if (this.element.clientWidth > 0) this.drawn = new uPlot(this.options(), this.data(), this.element);
  }

  private data(): uPlot.AlignedData {
    const {rows} = this.seconds;
    return [rows.map(row => row.second), ...lines.map(line => rows.map(row => {
      const value = row[line.field];
      return value === null ? null : Math.max(value, least_ns);
    }))];
  }

  private options(): uPlot.Options {
    const style = getComputedStyle(document.documentElement);
    const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const axis = {stroke: of('ink-soft'), font: '11px system-ui, sans-serif', grid: {stroke: of('grid'), width: 1},
      ticks: {stroke: of('grid'), width: 1, size: 4}};
    return {
      width: Math.max(this.element.clientWidth, 200), height: 200, padding: [10, 12, 0, 0],
      scales: {x: {time: false}, y: {distr: 3, range: (_, least, greatest) =>
        [Math.min(least ?? least_ns, 1e4), Math.max(greatest ?? 1e6, 1e6) * 1.3]}},
      axes: [
        {...axis, incrs: [1, 2, 5, 10, 15, 30, 60, 120], splits: secondsBetween, space: 80, values: (_, marks) => marks.map(second => moment(second * 1e9, 1e9))},
        {...axis, size: 62, filter: powers, grid: {...axis.grid, filter: powers}, ticks: {...axis.ticks, filter: powers},
          values: (_, marks) => marks.map(ns => ns === null ? '' : duration(ns).replace(/\.0+(?= )/, ''))},
      ],
      series: [
        {label: 'second', value: (plot, second) => text(second ?? plot.data[0].at(-1), second => moment(second * 1e9, 1e9))},
        ...lines.map((line): uPlot.Series => ({
          label: line.label, stroke: of(line.colour), width: 1.5, dash: [...line.dash],
          points: {show: false}, value: (plot, ns, series, index) =>
            text(index === null ? latest(plot.data[series]!) : ns, ns => ns <= least_ns ? '0' : duration(ns)),
        })),
      ],
      cursor: {y: false},
    };
  }
}
