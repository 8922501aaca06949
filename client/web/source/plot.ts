// A figure: a plot by uPlot with a caption, a legend, the keyboard, and its figures as a table.
import uPlot from 'uplot';
import {h, table, tableOnDemand} from './dom';

export interface Line {
  name: string;
  colour: string;               // the name of a custom property of the style sheet
  values: (number | null)[];
  plotted?: (number | null)[];  // when that isn't the value itself: of a stack
  dashed?: boolean;
  stacked?: boolean;
}

export interface Plot {
  title: string;
  note: string;                                 // what it shows, in a sentence
  x: number[];
  xName: string;
  xText: (x: number) => string;
  xTicks?: number[];
  lines: Line[];
  yText: (y: number) => string;
  log?: boolean;                                // offers a logarithmic axis and begins with it
  height?: number;
}

const alive = new Set<Drawing>();

interface Drawing { draw(): void; element: HTMLElement }

function property(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function withAlpha(colour: string, alpha: number): string {
  return `${colour}${Math.round(alpha * 255).toString(16).padStart(2, '0')}`;
}

/// Positive numbers only: a logarithm has no place for 0.
function plottable(values: (number | null)[], log: boolean): (number | null)[] {
  return log ? values.map(value => value != null && value > 0 ? value : null) : values;
}

/// Leaves out the marks that would stand on one another on a narrow screen.
function apart(plot: uPlot, marks: number[]): (number | null)[] {
  const between = 46;
  let last = -Infinity;
  return marks.map(mark => {
    const at = plot.valToPos(mark, 'x');
    if (at - last < between) return null;
    last = at;
    return mark;
  });
}

function options(plot: Plot, log: boolean, width: number): uPlot.Options {
  const ink = property('ink-soft');
  const axis = {
    stroke: ink, font: '12px system-ui, sans-serif',
    grid: {stroke: property('grid'), width: 1}, ticks: {stroke: property('grid'), width: 1, size: 4},
  };
  const many = plot.x.length > 60;
  const bands: uPlot.Band[] = [];
  const series: uPlot.Series[] = [{label: plot.xName, value: (_, x) => x == null ? '–' : plot.xText(x)}];
  plot.lines.forEach((line, index) => {
    const colour = property(line.colour);
    const one: uPlot.Series = {
      label: line.name, stroke: colour, width: line.stacked ? 1 : 2, spanGaps: !line.stacked,
      value: (_, __, ___, at) => at == null ? '–' : line.values[at] == null ? '–' : plot.yText(line.values[at]!),
      points: {show: !many && plot.xTicks === undefined && !line.dashed, size: 5, fill: colour},
    };
    if (line.dashed) one.dash = [6, 4];
    if (line.stacked) {
      one.fill = withAlpha(colour, 0.75);
      if (index > 0) bands.push({series: [index + 1, index], fill: withAlpha(colour, 0.75)});
    }
    series.push(one);
  });
  const ticks = plot.xTicks;
  return {
    width, height: plot.height ?? 260, series, bands,
    padding: [12, 16, 0, 0],
    scales: {x: {time: false}, y: {distr: log ? 3 : 1, ...(log ? {} : {range: (_, __, max) => [0, (max || 1) * 1.06]})}},
    axes: [
      {...axis, label: plot.xName, labelFont: axis.font, labelSize: 22, labelGap: 2,
        ...(ticks ? {splits: () => ticks} : {}), filter: apart,
        values: (_, splits) => splits.map(x => x == null ? '' : plot.xText(x))},
      {...axis, size: 72, values: (_, splits) => splits.map(y => y == null ? '' : plot.yText(y))},
    ],
    legend: {live: true},
    cursor: {y: false, points: {size: 8}, focus: {prox: 24}},
    focus: {alpha: 0.35},
  };
}

export function figure(plot: Plot): HTMLElement {
  let log = plot.log ?? false;
  let drawn: uPlot | undefined;
  let at = -1;
  const place = h('div', {
    class: 'plot', tabindex: 0, role: 'application', 'aria-roledescription': 'plot',
    'aria-label': `${plot.title}. ${plot.note} Arrow keys read it point by point.`,
  });
  const heard = h('div', {class: 'unseen', 'aria-live': 'polite'});

  const draw = () => {
    if (!place.isConnected) return;
    drawn?.destroy();
    place.replaceChildren();
    const data = [plot.x, ...plot.lines.map(line => plottable(line.plotted ?? line.values, log))];
    drawn = new uPlot(options(plot, log, Math.max(place.clientWidth, 200)), data as uPlot.AlignedData, place);
    place.dataset['points'] = String(plot.x.length);
    place.dataset['lines'] = String(plot.lines.length);
  };
  const moveTo = (index: number) => {
    at = Math.min(Math.max(index, 0), plot.x.length - 1);
    const x = plot.x[at];
    if (drawn === undefined || x === undefined) return;
    drawn.setCursor({left: drawn.valToPos(x, 'x'), top: 10});
    const parts = plot.lines.map(line => `${line.name} ${line.values[at] == null ? 'none' : plot.yText(line.values[at]!)}`);
    heard.textContent = `${plot.xText(x)}: ${parts.join(', ')}`;
  };
  place.addEventListener('keydown', event => {
    const to = {ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: plot.x.length - 1}[event.key];
    if (to === undefined) return;
    event.preventDefault();
    moveTo(to);
  });

  const scale = h('button', {type: 'button', class: 'small', 'aria-pressed': String(log), click: () => {
    log = !log;
    scale.setAttribute('aria-pressed', String(log));
    draw();
  }}, 'logarithmic');
  const element = h('figure', {},
    h('figcaption', {}, h('h3', {}, plot.title), plot.log !== undefined && scale, h('p', {}, plot.note)),
    place, heard,
    tableOnDemand('The figures', () => table(plot.title, [plot.xName, ...plot.lines.map(line => line.name)],
      plot.x.map((x, index) => [plot.xText(x), ...plot.lines.map(line =>
        line.values[index] == null ? '–' : plot.yText(line.values[index]!))]))));
  alive.add({draw, element});
  return element;
}

/// Draws what has come into the document and forgets what has left it.
export function drawAll(): void {
  for (const one of alive) if (one.element.isConnected) one.draw(); else alive.delete(one);
}

/// Draws anew whenever the width or the colours change.
export function keepDrawn(): void {
  let width = document.documentElement.clientWidth;
  let pending = 0;
  addEventListener('resize', () => {
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    clearTimeout(pending);
    pending = window.setTimeout(drawAll, 100);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
}
