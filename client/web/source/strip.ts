// Every run as a point: those before above, those after below, on one scale, with a line at each side's median.
const namespace = 'http://www.w3.org/2000/svg';

function s(name: string, attributes: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

const width = 110, height = 30, edge = 6;

export interface Row { values: number[]; median: number | null; kind: string }

/// @param text what the picture says, for who can't see it
export function strip(rows: [Row, Row], text: string): SVGElement {
  const drawing = s('svg', {class: 'strip', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': text});
  const all = rows.flatMap(row => row.values);
  const least = Math.min(...all), greatest = Math.max(...all);
  // Alike, they stand in the middle.
  const x = (value: number) => greatest > least
    ? edge + (value - least) / (greatest - least) * (width - 2 * edge) : width / 2;
  rows.forEach((row, index) => {
    const y = height * (index === 0 ? 0.28 : 0.72);
    for (const value of row.values) drawing.append(s('circle', {class: row.kind, cx: x(value).toFixed(1), cy: y, r: 3}));
    if (row.median != null && row.values.length > 1)
      drawing.append(s('line', {class: row.kind, x1: x(row.median).toFixed(1), x2: x(row.median).toFixed(1), y1: y - 6.5, y2: y + 6.5}));
  });
  return drawing;
}
