// Percentiles per second for the last few minutes.
import {Histogram} from './histogram';

export interface Second {
  second: number;  // start of the second, since the server's start
  wait_p50_ns: number | null; wait_p99_ns: number | null;
  hold_p50_ns: number | null; hold_p99_ns: number | null;
  requests: number;
}

export class Seconds {
  readonly rows: Second[] = [];
  private current = -1;
  private readonly waits = new Histogram();
  private readonly holds = new Histogram();

  constructor(private readonly rows_max: number) {}

  add(ended_ns: number, wait_ns: number, hold_ns: number | null): void {
    this.moveTo(ended_ns);
    this.waits.add(wait_ns);
    if (hold_ns !== null) this.holds.add(hold_ns);
  }

  /// Finished requests per second over the last few complete seconds; undefined before there are any.
  get rate(): number | undefined {
    const latest = this.rows.slice(-5);
    return latest.length === 0 ? undefined : latest.reduce((sum, row) => sum + row.requests, 0) / latest.length;
  }

  /// Completes all seconds before `now_ns`, including empty ones. Late events count in the current second.
  moveTo(now_ns: number): void {
    const second = Math.floor(now_ns / 1e9);
    if (second <= this.current) return;
    if (this.current >= 0) {
      this.close(this.current);
      for (let empty = Math.max(this.current + 1, second - this.rows_max); empty < second; ++empty) this.close(empty);
    }
    this.current = second;
  }

  clear(): void {
    this.rows.length = 0;
    this.current = -1;
    this.waits.clear();
    this.holds.clear();
  }

  private close(second: number): void {
    const of = (histogram: Histogram, share: number) => histogram.quantile(share) ?? null;
    this.rows.push({second, wait_p50_ns: of(this.waits, 0.5), wait_p99_ns: of(this.waits, 0.99),
      hold_p50_ns: of(this.holds, 0.5), hold_p99_ns: of(this.holds, 0.99), requests: this.waits.count});
    if (this.rows.length > this.rows_max) this.rows.splice(0, this.rows.length - this.rows_max);
    this.waits.clear();
    this.holds.clear();
  }
}
