// The keys below one prefix, from pages of a list and later changes. Independent of the DOM.
import {elements, members} from './json_text';

export interface Entry {
  key: string;
  revision: number;
  bytes: number;
  value: string | undefined;       // JSON text from the server; undefined if not sent
  expires_ms: number | undefined;  // by the page's clock
}

export interface Change {
  kind: 'put' | 'delete' | 'expire';
  key: string;
  revision: number;
  value: string | undefined;
  ttl_s: number | undefined;
}

const late_ms = 2000;  // an `expire` event later than this is overdue

/// Compares by code points: the server's order, since its keys are UTF-8.
export function inOrder(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; ++at) {
    if (a.charCodeAt(at) === b.charCodeAt(at)) continue;
    return a.codePointAt(at)! - b.codePointAt(at)!;
  }
  return a.length - b.length;
}

const utf8 = new TextEncoder();

function number(text: string | undefined): number | undefined {
  const value = text === undefined || text === 'null' ? NaN : Number(text);
  return Number.isNaN(value) ? undefined : value;
}

/// Parses a message of the watch. @return undefined if it is not a change of a key
export function readChange(type: string, data: string): Change | undefined {
  if (type !== 'put' && type !== 'delete' && type !== 'expire') return undefined;
  const fields = members(data);
  const key = fields.get('key'), revision = number(fields.get('revision'));
  if (key === undefined || revision === undefined) return undefined;
  return {kind: type, key: JSON.parse(key) as string, revision, value: fields.get('value'), ttl_s: number(fields.get('ttl'))};
}

export class DataModel {
  prefix = '';
  entries: Entry[] = [];   // in order
  groups: string[] = [];   // common prefixes of keys up to the next `/`, in order
  next: string | undefined;  // the next page begins after this; undefined on the last page
  revision = 0;
  /// The list must be requested again: a group may have become empty, or a key has expired without an event.
  doubtful = false;

  begin(prefix: string): void {
    Object.assign(this, {prefix, entries: [], groups: [], next: undefined, revision: 0, doubtful: false});
  }

  /// Adds a page of the list. @param first true for the first page, which replaces everything
  takePage(text: string, now_ms: number, first: boolean): void {
    const fields = members(text);
    const entries = elements(fields.get('entries') ?? '[]').map((one): Entry => {
      const of = members(one);
      const ttl_s = number(of.get('ttl'));
      return {key: JSON.parse(of.get('key') ?? '""') as string, revision: number(of.get('revision')) ?? 0, bytes: number(of.get('bytes')) ?? 0,
        value: of.get('value'), expires_ms: ttl_s === undefined ? undefined : now_ms + ttl_s * 1000};
    });
    const groups = elements(fields.get('groups') ?? '[]').map(one => JSON.parse(one) as string);
    const next = fields.get('next');
    this.next = next === undefined || next === 'null' ? undefined : JSON.parse(next) as string;
    if (first) {
      this.entries = entries;
      this.groups = groups;
      this.revision = number(fields.get('revision')) ?? 0;
      this.doubtful = false;
      return;
    }
    for (const entry of entries) this.put(entry);
    for (const group of groups) this.addGroup(group);
  }

  /// @return true if it changed the model
  apply(change: Change, now_ms: number): boolean {
    if (change.revision <= this.revision || !change.key.startsWith(this.prefix)) return false;
    const slash = change.key.indexOf('/', this.prefix.length);
    const group = slash < 0 ? undefined : change.key.slice(0, slash + 1);
    if (group !== undefined) {
      if (change.kind !== 'put') {
        this.doubtful ||= this.groups.includes(group);
        return false;
      }
      return !this.groups.includes(group) && this.isLoaded(group) && this.addGroup(group);
    }
    const known = this.find(change.key);
    if (known !== undefined && known.revision >= change.revision) return false;
    if (change.kind !== 'put') {
      if (known === undefined) return false;
      this.entries.splice(this.entries.indexOf(known), 1);
      return true;
    }
    if (known === undefined && !this.isLoaded(change.key)) return false;
    this.put({key: change.key, revision: change.revision, bytes: change.value === undefined ? 0 : utf8.encode(change.value).length,
      value: change.value, expires_ms: change.ttl_s === undefined ? undefined : now_ms + change.ttl_s * 1000});
    return true;
  }

  find(key: string): Entry | undefined { return this.entries.find(one => one.key === key); }

  /// Detects keys that should have expired but had no event: their time may have been extended, which is not reported.
  checkTimes(now_ms: number): void {
    if (this.entries.some(one => one.expires_ms !== undefined && one.expires_ms + late_ms < now_ms)) this.doubtful = true;
  }

  private isLoaded(name: string): boolean { return this.next === undefined || inOrder(name, this.next) <= 0; }

  private put(entry: Entry): void {
    const at = this.entries.findIndex(one => inOrder(one.key, entry.key) >= 0);
    if (at < 0) this.entries.push(entry);
    else if (this.entries[at]!.key !== entry.key) this.entries.splice(at, 0, entry);
    else if (this.entries[at]!.revision <= entry.revision) this.entries[at] = entry;
  }

  private addGroup(group: string): boolean {
    if (this.groups.includes(group)) return false;
    this.groups.push(group);
    this.groups.sort(inOrder);
    return true;
  }
}
