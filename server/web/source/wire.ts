// The messages of /v1/lock/events and /v1/lock. Times are nanoseconds since the server's start.

export interface Settings { read_hold_ms: number; writer_period_ms: number; live: boolean }

export type Outcome = 'released' | 'cancelled' | 'timed_out' | 'hung_up' | 'refused';

/// A request: its source, operation and key.
export interface Asker {
  id: number;
  source: string;
  request_id?: string | null;
  operation: string;
  key: string;
}

export interface Hello { type: 'hello'; now_ns: number; started_at: string; start: string; settings: Settings }
export interface Asked extends Asker { type: 'asked'; position: number; asked_ns: number }
export interface Granted extends Asker {
  type: 'granted'; position: number; asked_ns: number; granted_ns: number; hold_ns: number;
}
export interface Behind { id: number; source: string; operation: string; key: string; held_ns: number }
export interface Done extends Asker {
  type: 'done';
  position: number;
  asked_ns: number;
  granted_ns: number | null;
  ended_ns: number;
  outcome: Outcome;
  behind?: Behind[];
  behind_others?: {count: number; held_ns: number};
}
export interface Dropped { type: 'dropped'; count: number }
export interface SettingsChanged { type: 'settings'; settings: Settings }
/// Commits of the journal: start, end, and the number of changes made durable.
export interface Commits { type: 'commits'; commits: [began_ns: number, ended_ns: number, changes: number][] }
export interface Heartbeat { type: 'heartbeat'; now_ns: number }

export type LockEvent = Hello | Asked | Granted | Done | Dropped | SettingsChanged | Commits | Heartbeat;

/// The answer to GET /v1/lock.
export interface LockState {
  now_ns: number;
  owner: (Asker & {granted_ns: number; asked_ns?: number; hold_ns?: number}) | null;
  queue: (Asker & {asked_ns: number})[];
  queue_length: number;
}
