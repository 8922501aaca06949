// The colours of the style sheet, for canvases.

export const laneColours = 8;

export interface Theme {
  ink: string; inkSoft: string; grid: string; card: string; wait: string; queue: string; queueLine: string; arrow: string; gap: string;
  accent: string; writer: string; others: string; lanes: string[];
}

let read: Theme | undefined;

export function theme(): Theme {
  if (read !== undefined) return read;
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return read = {
    ink: of('ink'), inkSoft: of('ink-soft'), grid: of('grid'), card: of('card'), wait: of('wait'), queue: of('queue'),
    queueLine: of('queue-line'), arrow: of('arrow'), gap: of('gap'), accent: of('accent'), writer: of('writer'), others: of('others'),
    lanes: Array.from({length: laneColours}, (_, index) => of(`lane-${index}`)),
  };
}

/// Calls back whenever the colours have changed.
export function onThemeChange(changed: () => void): void {
  for (const query of ['(prefers-color-scheme: dark)', '(prefers-contrast: more)']) {
    matchMedia(query).addEventListener('change', () => {
      read = undefined;
      changed();
    });
  }
}

/// Sources keep their colour while they are known; the writer has its own.
export class LaneColours {
  private readonly given = new Map<string, number>();
  private next = 0;

  /// The suffix of a class or a custom property: `writer`, `lane-3`.
  name(source: string): string {
    if (source === 'writer') return 'writer';
    let number = this.given.get(source);
    if (number === undefined) {
      if (this.given.size > 4096) this.given.clear();
      number = this.next++ % laneColours;
      this.given.set(source, number);
    }
    return `lane-${number}`;
  }

  colour(source: string): string {
    const {writer, lanes} = theme();
    return source === 'writer' ? writer : lanes[Number(this.name(source).slice(5))]!;
  }
}
