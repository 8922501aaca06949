// Creates elements without HTML strings, so data from the server is always text.

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

/// Changes the document only if the text differs.
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export interface Row {
  key: string;
  cells: string[];
  data?: Record<string, string>;
  colour?: string;
  press?: () => void;
  pressed?: boolean;  // for rows that toggle
}

/// A table whose rows are matched by key, so that an update keeps the focus and unchanged rows.
export class LiveTable {
  readonly element: HTMLElement;
  private readonly body = h('tbody', {});
  private readonly rows = new Map<string, HTMLTableRowElement>();
  private presses = new Map<string, () => void>();

  /// The first column names the row; it is a button if the row can be pressed.
  constructor(caption: string, columns: string[], private readonly empty: string) {
    this.element = h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption},
      h('table', {}, h('caption', {class: 'unseen'}, caption),
        h('thead', {}, h('tr', {}, ...columns.map(name => h('th', {scope: 'col'}, name)))), this.body));
    this.columns = columns.length;
    this.update([]);
  }
  private readonly columns: number;

  update(rows: Row[]): void {
    const focused = document.activeElement;
    this.presses = new Map();
    const shown = rows.length > 0 ? rows : [{key: ' none', cells: [this.empty]}];
    const kept = new Set(shown.map(row => row.key));
    for (const [key, element] of this.rows) {
      if (kept.has(key)) continue;
      element.remove();
      this.rows.delete(key);
    }
    let place = this.body.firstElementChild;
    for (const row of shown) {
      let element = this.rows.get(row.key);
      if (element === undefined) {
        element = this.make(row);
        this.rows.set(row.key, element);
      }
      if (row.press !== undefined) this.presses.set(row.key, row.press);
      Object.assign(element.dataset, row.data);
      const name = element.firstElementChild!.firstElementChild;
      if (name !== null && row.key !== ' none') {
        if (row.colour !== undefined) name.classList.remove(...[...name.classList].filter(one => one !== 'plain' && one !== 'marked' && one !== row.colour));
        if (row.colour !== undefined) name.classList.add('marked', row.colour);
        if (row.pressed !== undefined) name.setAttribute('aria-pressed', String(row.pressed));
      }
      row.cells.forEach((text, index) => {
        const cell = element.children[index]!;
        setText(index === 0 ? cell.firstElementChild ?? cell : cell, text);
      });
      if (place === element) place = place.nextElementSibling;
      else this.body.insertBefore(element, place);
    }
    // Moving an element removes its focus.
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.body.contains(focused)) focused.focus({preventScroll: true});
  }

  private make(row: Row): HTMLTableRowElement {
    if (row.key === ' none') return h('tr', {}, h('td', {colspan: this.columns, class: 'none'}));
    const name = row.press === undefined ? h('span', {}) :
      h('button', {type: 'button', class: 'plain', click: () => this.presses.get(row.key)?.()});
    return h('tr', {}, h('th', {scope: 'row'}, name), ...row.cells.slice(1).map(() => h('td', {})));
  }
}
