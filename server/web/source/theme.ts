// The style sheet's colours, for canvases.

export const laneColours = 12;

export interface Theme {
  ink: string; inkSoft: string; grid: string; card: string; wait: string; disk: string; queue: string; queueLine: string; arrow: string; gap: string;
  accent: string; writer: string; others: string; lanes: string[];
}

let read: Theme | undefined;

export function theme(): Theme {
  if (read !== undefined) return read;
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return read = {
    ink: of('ink'), inkSoft: of('ink-soft'), grid: of('grid'), card: of('card'), wait: of('wait'), disk: of('disk'), queue: of('queue'),
    queueLine: of('queue-line'), arrow: of('arrow'), gap: of('gap'), accent: of('accent'), writer: of('writer'), others: of('others'),
    lanes: Array.from({length: laneColours}, (_, index) => of(`lane-${index}`)),
  };
}

/// Calls back when the colours have changed.
export function onThemeChange(changed: () => void): void {
  for (const query of ['(prefers-color-scheme: dark)', '(prefers-contrast: more)']) {
    matchMedia(query).addEventListener('change', () => {
      read = undefined;
      changed();
    });
  }
}

/// FNV-1a: a name has the same hash in every browser.
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; ++at) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/// Gives each lane in view a different colour: the one derived from its source's name, or the next free one. The writer
/// has a reserved colour, and so has the shared lane.
export class LaneColours {
  private readonly given = new Map<string, number>();

  /// Assigns colours to these lanes and frees all others. A lane keeps its colour while it is in view.
  assign(lanes: readonly string[]): void {
    for (const source of [...this.given.keys()]) if (!lanes.includes(source)) this.given.delete(source);
    const taken = new Set(this.given.values());
    for (const source of lanes) {
      if (source === 'writer' || this.given.has(source)) continue;
      let number = hashOf(source) % laneColours;
      for (let tries = 0; tries < laneColours && taken.has(number); ++tries) number = (number + 1) % laneColours;
      taken.add(number);
      this.given.set(source, number);
    }
  }

  /// Uses the colours of a shared link.
  adopt(lanes: readonly {source: string; colour: number}[]): void {
    this.given.clear();
    for (const {source, colour} of lanes) if (source !== 'writer') this.given.set(source, colour % laneColours);
  }

  numberOf(source: string): number { return this.given.get(source) ?? 0; }

  /// The suffix for a class or a custom property: `writer`, `lane-3`, `others`.
  name(source: string): string {
    if (source === 'writer') return 'writer';
    const number = this.given.get(source);
    return number === undefined ? 'others' : `lane-${number}`;
  }

  colour(source: string): string {
    const {writer, lanes, others} = theme();
    if (source === 'writer') return writer;
    const number = this.given.get(source);
    return number === undefined ? others : lanes[number]!;
  }
}
