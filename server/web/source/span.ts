// The displayed time span: the last seconds, or a paused moment.

export interface Span { from_ns: number; to_ns: number }

export const length_min_ns = 1_000;        // a microsecond: an uncontended hold takes less than ten
export const length_max_ns = 600_000e6;    // ten minutes

export class View {
  private end_ns: number | undefined;  // undefined while live

  constructor(public length_ns: number) {}

  get live(): boolean { return this.end_ns === undefined; }

  span(now_ns: number): Span {
    const to_ns = this.end_ns ?? now_ns;
    return {from_ns: to_ns - this.length_ns, to_ns};
  }

  pause(now_ns: number): void { this.end_ns ??= now_ns; }
  resume(): void { this.end_ns = undefined; }

  show(span: Span): void {
    this.length_ns = clamp(span.to_ns - span.from_ns);
    this.end_ns = span.to_ns;
  }

  /// @param factor below 1 shows less time  @param at_ns the time that keeps its place on the screen; while live, the
  /// present does
  zoom(factor: number, at_ns: number): void {
    const length_ns = clamp(this.length_ns * factor);
    if (this.end_ns !== undefined) this.end_ns = at_ns + (this.end_ns - at_ns) * (length_ns / this.length_ns);
    this.length_ns = length_ns;
  }

  /// Moves towards the past (negative) or the present; reaching the present ends a pause.
  pan(by_ns: number, now_ns: number): void {
    const end_ns = (this.end_ns ?? now_ns) + by_ns;
    this.end_ns = by_ns > 0 && end_ns >= now_ns ? undefined : Math.max(end_ns, 0);
  }
}

function clamp(length_ns: number): number { return Math.min(Math.max(length_ns, length_min_ns), length_max_ns); }

/// A round step for an axis with about this many marks: minutes and seconds above ten seconds, powers of ten below.
/// @return the distance of two marks
export function stepFor(length_ns: number, marks: number): number {
  const least = length_ns / marks;
  const long = [10e9, 15e9, 30e9, 60e9, 120e9, 300e9].find(step => step >= least);
  if (least > 5e9 && long !== undefined) return long;
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find(factor => factor * power >= least) ?? 10);
}
