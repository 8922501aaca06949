// Totals by name in bounded memory: if there are too many names, the smallest are merged into one total, so no time is
// lost.

export interface Total { name: string; held_ns: number; waits: number; longest_ns: number }

export class Totals {
  private readonly byName = new Map<string, Total>();

  /// The merged names, and times without a name.
  readonly others: Total = {name: '', held_ns: 0, waits: 0, longest_ns: 0};
  sum_ns = 0;

  /// @param names_max the number of names kept; up to twice as many between two merges
  constructor(private readonly names_max: number) {}

  add(name: string, held_ns: number): void {
    let total = this.byName.get(name);
    if (total === undefined) {
      if (this.byName.size >= 2 * this.names_max) this.fold();
      total = {name, held_ns: 0, waits: 0, longest_ns: 0};
      this.byName.set(name, total);
    }
    this.addTo(total, held_ns, 1, held_ns);
    this.sum_ns += held_ns;
  }

  addNameless(held_ns: number, waits: number): void {
    this.addTo(this.others, held_ns, waits, 0);
    this.sum_ns += held_ns;
  }

  /// The largest first. @return at most `count` names, and the others as one total, or undefined if there are none
  top(count: number): {named: Total[]; rest: Total | undefined} {
    const all = [...this.byName.values()].sort((a, b) => b.held_ns - a.held_ns);
    const rest = {...this.others};
    for (const total of all.slice(count)) this.addTo(rest, total.held_ns, total.waits, total.longest_ns);
    return {named: all.slice(0, count), rest: rest.waits > 0 ? rest : undefined};
  }

  clear(): void {
    this.byName.clear();
    this.sum_ns = 0;
    Object.assign(this.others, {held_ns: 0, waits: 0, longest_ns: 0});
  }

  private addTo(total: Total, held_ns: number, waits: number, longest_ns: number): void {
    total.held_ns += held_ns;
    total.waits += waits;
    total.longest_ns = Math.max(total.longest_ns, longest_ns);
  }

  private fold(): void {
    const all = [...this.byName.values()].sort((a, b) => b.held_ns - a.held_ns);
    for (const total of all.slice(this.names_max)) {
      this.addTo(this.others, total.held_ns, total.waits, total.longest_ns);
      this.byName.delete(total.name);
    }
  }
}
