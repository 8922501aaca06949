// The journal's commits, oldest first: a ring buffer of columns with a fixed capacity.
export class Commits {
  readonly began: Float64Array;
  readonly ended: Float64Array;
  readonly changes: Float64Array;
  /// Commits are numbered in order; those in [first, next) are kept.
  next = 0;
  private latest_ns = -Infinity;

  constructor(private readonly capacity = 65_536) {
    this.began = new Float64Array(capacity);
    this.ended = new Float64Array(capacity);
    this.changes = new Float64Array(capacity);
  }

  get first(): number { return Math.max(0, this.next - this.capacity); }
  slot(number: number): number { return number % this.capacity; }

  /// Skips commits that are already known, which a resumed stream repeats.
  add(began_ns: number, ended_ns: number, changes: number): void {
    if (began_ns <= this.latest_ns) return;
    this.latest_ns = began_ns;
    const at = this.slot(this.next++);
    this.began[at] = began_ns;
    this.ended[at] = ended_ns;
    this.changes[at] = changes;
  }

  /// The first commit that ended at `time_ns` or later.
  firstEndedFrom(time_ns: number): number {
    let low = this.first, high = this.next;
    while (low < high) {
      const middle = low + high >>> 1;
      if (this.ended[this.slot(middle)]! < time_ns) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  clear(): void {
    this.next = 0;
    this.latest_ns = -Infinity;
  }
}
