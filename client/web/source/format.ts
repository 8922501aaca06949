// Figures as people read them: three digits that count, and a unit.

const grouping = new Intl.NumberFormat('en-US');

function threeDigits(value: number): string {
  if (value < 9.995) return value.toFixed(2);
  return value.toFixed(value < 99.95 ? 1 : 0);
}

export function count(value: number): string { return grouping.format(Math.round(value)); }

export function rate(perSecond: number | null | undefined): string {
  if (perSecond == null) return '–';
  if (perSecond === 0) return '0/s';
  return (perSecond < 999.5 ? threeDigits(perSecond) : count(perSecond)) + '/s';
}

export function ms(value: number | null | undefined): string {
  if (value == null) return '–';
  if (value === 0) return '0';
  if (value < 0.0009995) return `${Math.round(value * 1e6)} ns`;
  if (value < 0.9995) return `${threeDigits(value * 1e3)} µs`;
  if (value < 999.5) return `${threeDigits(value)} ms`;
  if (value < 59_950) return `${threeDigits(value / 1e3)} s`;
  return `${(value / 60_000).toFixed(1)} min`;
}

export function percent(share: number | null | undefined): string {
  return share == null ? '–' : `${(share * 100).toFixed(1)} %`;
}

/// 0.999 as `99.9 %`: no digit more than the share has.
export function percentile(share: number): string { return `${Number((share * 100).toPrecision(9))} %`; }

export function plural(value: number, one: string): string { return `${count(value)} ${one}${value === 1 ? '' : 's'}`; }

/// `hold_ms` as `hold`, for people; the unit goes with the value.
export function settingName(name: string): string {
  return name.replace(/_(ms|per_s|bytes)$/, '').replaceAll('_', ' ');
}

function stage(one: {duration_ms: number; rate_begin_per_s: number; rate_end_per_s: number}): string {
  const {duration_ms: length, rate_begin_per_s: begin, rate_end_per_s: end} = one;
  return `${ms(length)} at ${rate(begin)}${begin === end ? '' : ` to ${rate(end)}`}`;
}

export function settingValue(name: string, value: unknown): string {
  if (value == null) return 'not set';
  if (typeof value === 'number') {
    if (name.endsWith('_ms')) return ms(value);
    if (name.endsWith('_per_s')) return rate(value);
    if (name === 'seed') return String(value);
    return Number.isInteger(value) ? count(value) + (name.endsWith('_bytes') ? ' bytes' : '') : String(value);
  }
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (name === 'stages' && Array.isArray(value)) return value.length === 0 ? 'none' : value.map(stage).join(', then ');
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(one => settingValue('', one)).join(', ');
  if (typeof value === 'object')
    return Object.entries(value).map(([key, part]) => `${settingName(key)} ${settingValue(key, part)}`).join(', ');
  return String(value);
}
