// What holdfast writes as JSON (client/load/report.hpp documents it); only the fields that the page reads by name.

export interface Figures {
  count: number;
  mean?: number; min?: number; p50?: number; p90?: number; p99?: number; p99_9?: number; max?: number;
}

export interface Part extends Figures { share: number | null }

export interface SecondFigures {
  answers: number;
  mean_ms: number | null; p50_ms: number | null; p90_ms: number | null; p99_ms: number | null;
  p99_9_ms: number | null; max_ms: number | null;
}

/// Reports that were made before there was a disk to wait for have none.
export interface Split { before_sending: number; wait: number; hold: number; disk?: number; rest: number }

export interface Second extends SecondFigures {
  second: number;
  length_ms: number;
  errors: number;
  split_ms: Split | null;
  since_sent_p99_ms?: number | null;
  operations: Record<string, SecondFigures>;
}

export interface Stage { duration_ms: number; rate_begin_per_s: number; rate_end_per_s: number }

export interface Settings {
  server: string;
  loop: 'open' | 'closed';
  stages: Stage[];
  connections: number;
  threads: number;
  experiment?: Record<string, unknown>;
  [name: string]: unknown;
}

export interface OpenLoop {
  asked_per_s: number; started_per_s: number; found_no_connection: number; late_share: number;
  since_sent_ms: Figures;
}

/// Of reports that were made before there was one, nothing.
export interface Verification {
  verdict: string; operations: number; unanswered: number; keys: number;
  violations: {key: string; kind: string; timeline: string}[];
  lock_order: {broken: boolean; judged_pairs: number; broken_pairs: number; broken_revisions: number};
}

export interface Search {
  rate_per_s: number | null; confirmed: boolean; limits: string[];
  probes: {rate_per_s: number; answered_per_s: number; p50_ms: number | null; p99_ms: number | null; confirms: boolean;
    outcome: string; why: string}[];
}

export interface Report {
  version: number;
  settings: Settings;
  started_at: string;
  elapsed_ms: number;
  interrupted: boolean;
  throughput_per_s: number;
  latency_ms: Record<string, Figures>;
  open_loop: OpenLoop | null;
  split: {
    answers: number; without_timing: number; implausible_timing: number;
    before_sending_ms: Part; wait_ms: Part; hold_ms: Part; disk_ms?: Part; rest_ms: Part;
  };
  statuses: {operation: string; status: number; count: number; success: boolean; reason?: string | null;
    latency_ms?: Figures}[];
  errors: {total: number; kinds: Record<string, number>};
  unfinished: {count: number; oldest_ms: number};
  reconnects: number;
  client: {cpu_us_per_request: number | null; busy_share: number; starved_share?: number; was_the_limit: boolean};
  server?: {pid: number; name: string; cpu_us_per_request: number | null; cores: number | null} | null;
  thresholds: {threshold: string; held: boolean; measured: string}[];
  verification?: Verification | null;
  find_max?: Search | null;
  curve_ms: Record<string, [number, number][]>;
  seconds: Second[];
}

/// The last row of a run may be a sliver of a second, whose rate says nothing.
export function plottedSeconds(report: Report): Second[] {
  const whole = report.seconds.filter(row => row.length_ms >= 250);
  return whole.length > 0 ? whole : report.seconds;
}

/// Whether answers were withheld until what they tell was durable.
export function waitsForDisk(report: Report): boolean {
  return (report.split.disk_ms?.share ?? 0) > 0;
}

export function isOpen(report: Report): boolean { return report.settings.loop === 'open'; }

/// The rate that the stages ask for, `seconds` after the start.
export function askedRate(report: Report, seconds: number): number | null {
  let left = seconds * 1000;
  for (const stage of report.settings.stages) {
    if (left <= stage.duration_ms)
      return stage.rate_begin_per_s + (stage.rate_end_per_s - stage.rate_begin_per_s) * left / stage.duration_ms;
    left -= stage.duration_ms;
  }
  return null;
}
