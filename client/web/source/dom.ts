// Elements without HTML strings: whatever a report says becomes text.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | ((event: Event) => void)>;

export function h<Name extends keyof HTMLElementTagNameMap>(
  name: Name, attributes: Attributes = {}, ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key, value);
    else if (value !== false) element.setAttribute(key, value === true ? '' : String(value));
  }
  for (const child of children) if (child != null && child !== false) element.append(child);
  return element;
}

export function section(title: string, ...children: Child[]): HTMLElement {
  return h('section', {}, h('h2', {}, title), ...children);
}

/// A table whose first column names the rows; the others are figures.
export function table(caption: string, columns: string[], rows: (string | Node)[][]): HTMLElement {
  const cell = (content: string | Node, index: number) =>
    index === 0 ? h('th', {scope: 'row'}, content) : h('td', {}, content);
  return h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption},
    h('table', {}, h('caption', {class: 'unseen'}, caption),
      h('thead', {}, h('tr', {}, ...columns.map(name => h('th', {scope: 'col'}, name)))),
      h('tbody', {}, ...rows.map(row => h('tr', {}, ...row.map(cell))))));
}

/// A table that is made when somebody asks for it.
export function tableOnDemand(summary: string, make: () => HTMLElement): HTMLElement {
  const details = h('details', {class: 'data'}, h('summary', {}, summary));
  details.addEventListener('toggle', () => { if (details.open && details.childElementCount === 1) details.append(make()); });
  return details;
}
