// Formats figures with three significant digits and a unit, and makes hidden characters in foreign text visible.

const grouping = new Intl.NumberFormat('en-US');

export function count(value: number): string { return grouping.format(Math.round(value)); }

export function plural(value: number, one: string): string { return `${count(value)} ${one}${value === 1 ? '' : 's'}`; }

function threeDigits(value: number): string {
  if (value < 9.995) return value.toFixed(2);
  return value.toFixed(value < 99.95 ? 1 : 0);
}

export function duration(ns: number | null | undefined): string {
  if (ns == null) return '–';
  if (ns <= 0) return '0';
  if (ns < 999.5) return `${Math.max(1, Math.round(ns))} ns`;
  if (ns < 999_500) return `${threeDigits(ns / 1e3)} µs`;
  if (ns < 999.5e6) return `${threeDigits(ns / 1e6)} ms`;
  if (ns < 99.95e9) return `${threeDigits(ns / 1e9)} s`;
  return `${(ns / 60e9).toFixed(1)} min`;
}

let wallStart_ms: number | undefined;

/// Formats moments as local clock times from now on. @param started_ms the server's start in milliseconds since 1970;
/// undefined formats moments as seconds since the server's start
export function useWallClock(started_ms: number | undefined): void { wallStart_ms = started_ms; }

/// The origin of round times on an axis, in nanoseconds before the server's start.
export function axisOrigin_ns(): number { return wallStart_ms === undefined ? 0 : -(wallStart_ms % 3_600_000) * 1e6; }

/// Formats a moment, in nanoseconds since the server's start, with the decimals that this step needs.
export function moment(ns: number, step_ns = 1e6): string {
  const decimals = Math.min(9, Math.max(0, Math.ceil(9 - Math.log10(step_ns) - 1e-9)));
  if (wallStart_ms === undefined) return `${(ns / 1e9).toFixed(decimals)} s`;
  const unit_ns = 10 ** (9 - decimals);
  const start_s = Math.floor(wallStart_ms / 1000);
  const rounded_ns = Math.round(((wallStart_ms - start_s * 1000) * 1e6 + ns) / unit_ns) * unit_ns;
  const second = Math.floor(rounded_ns / 1e9);
  const time = new Date((start_s + second) * 1000);
  const two = (part: number) => String(part).padStart(2, '0');
  const fraction = decimals === 0 ? '' : `.${String(Math.round((rounded_ns - second * 1e9) / unit_ns)).padStart(decimals, '0')}`;
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}${fraction}`;
}

export function percent(share: number): string { return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`; }

const ordinals = new Intl.PluralRules('en-US', {type: 'ordinal'});
const endings: Record<string, string> = {one: 'st', two: 'nd', few: 'rd', other: 'th'};
export function ordinal(value: number): string { return `${count(value)}${endings[ordinals.select(value)]}`; }

/// Escapes foreign text: characters without a glyph or that change the text direction are spelled out.
export function shown(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/// The same, limited in length. Cuts the middle, because a port and the last part of a key matter most.
export function shortened(text: string, characters_max: number): string {
  const safe = shown(text);
  if (safe.length <= characters_max) return safe;
  const tail = Math.floor((characters_max - 1) / 2);
  return `${safe.slice(0, characters_max - 1 - tail)}…${safe.slice(safe.length - tail)}`;
}
