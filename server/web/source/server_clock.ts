// The server's time, derived from when its messages arrive: each shows that at least so much has passed there.

const window_ms = 30_000;

export class ServerClock {
  // The least delayed message of the last window or two gives the offset, so that two clocks may run apart slowly.
  private newest = -Infinity;
  private previous = -Infinity;
  private turned_at_ms = 0;

  /// @param server_ns a time that a message carries  @param now_ms of the page's monotone clock
  heard(server_ns: number, now_ms: number): void {
    if (now_ms - this.turned_at_ms > window_ms) {
      this.previous = this.newest;
      this.newest = -Infinity;
      this.turned_at_ms = now_ms;
    }
    this.newest = Math.max(this.newest, server_ns - now_ms * 1e6);
  }

  /// Nanoseconds since the server's start; 0 before anything was heard.
  now_ns(now_ms: number): number {
    const offset = Math.max(this.newest, this.previous);
    return Number.isFinite(offset) ? offset + now_ms * 1e6 : 0;
  }

  reset(): void {
    this.newest = this.previous = -Infinity;
    this.turned_at_ms = 0;
  }
}
