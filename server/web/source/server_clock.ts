// Estimates the server's time from the arrival of its messages: at arrival, the server's time is at least the message's
// time.

const window_ms = 30_000;

export class ServerClock {
  // The offset is that of the least delayed message of the last one or two windows, so slow clock drift is followed.
  private newest = -Infinity;
  private previous = -Infinity;
  private turned_at_ms = 0;

  /// @param server_ns the time in a message  @param now_ms the page's monotonic clock
  heard(server_ns: number, now_ms: number): void {
    if (now_ms - this.turned_at_ms > window_ms) {
      this.previous = this.newest;
      this.newest = -Infinity;
      this.turned_at_ms = now_ms;
    }
    this.newest = Math.max(this.newest, server_ns - now_ms * 1e6);
  }

  /// Nanoseconds since the server's start; 0 before the first message.
  now_ns(now_ms: number): number {
    const offset = Math.max(this.newest, this.previous);
    return Number.isFinite(offset) ? offset + now_ms * 1e6 : 0;
  }

  reset(): void {
    this.newest = this.previous = -Infinity;
    this.turned_at_ms = 0;
  }
}
