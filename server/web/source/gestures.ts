// Mouse, touch and wheel on the timeline. The page must stay scrollable: a plain wheel zooms only while the timeline
// has the focus, and one finger moves the time only sideways.

export interface Place { x: number; y: number }

export interface Moves {
  timeAt(x: number): number;
  perPixel(): number;
  zoom(factor: number, at_ns: number): void;
  pan(by_ns: number): void;
  hover(at: Place | undefined): void;
  press(at: Place, tapped: boolean): void;
}

export function gestures(element: HTMLElement, moves: Moves): void {
  const down = new Map<number, Place>();
  let travelled = 0;

  const place = (event: MouseEvent): Place => {
    const box = element.getBoundingClientRect();
    return {x: event.clientX - box.left, y: event.clientY - box.top};
  };
  const apart = () => {
    const [a, b] = [...down.values()];
    return a && b ? Math.max(Math.abs(a.x - b.x), 10) : undefined;
  };

  element.addEventListener('wheel', event => {
    const zooms = event.ctrlKey || event.metaKey || document.activeElement === element;
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) moves.pan(event.deltaX * moves.perPixel());
    else if (zooms) moves.zoom(Math.exp(Math.min(Math.max(event.deltaY, -200), 200) * 0.003), moves.timeAt(place(event).x));
    else return;
    event.preventDefault();
  }, {passive: false});

  element.addEventListener('pointerdown', event => {
    if (event.button !== 0) return;
    if (down.size === 0) travelled = 0;
    down.set(event.pointerId, place(event));
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener('pointermove', event => {
    const at = place(event);
    const before = down.get(event.pointerId);
    if (before === undefined) {
      if (event.pointerType === 'mouse') moves.hover(at);
      return;
    }
    const distance = apart();
    down.set(event.pointerId, at);
    travelled += Math.abs(at.x - before.x) + Math.abs(at.y - before.y);
    if (distance !== undefined) {
      const [a, b] = [...down.values()] as [Place, Place];
      moves.zoom(distance / apart()!, moves.timeAt((a.x + b.x) / 2));
    } else if (travelled > 4) {
      moves.pan((before.x - at.x) * moves.perPixel());
    }
  });
  element.addEventListener('pointerup', event => {
    const alone = down.size === 1;
    if (!down.delete(event.pointerId) || !alone || travelled > 4) return;
    moves.press(place(event), event.pointerType !== 'mouse');
    // A finger does not hover; the story of the touched request is below the timeline.
    if (event.pointerType !== 'mouse') moves.hover(undefined);
  });
  // A tap may scroll its story into view. Without this, the click that the browser generates from the tap would hit
  // whatever is then below the finger.
  element.addEventListener('touchend', event => { if (event.cancelable) event.preventDefault(); });
  element.addEventListener('pointercancel', event => { down.delete(event.pointerId); });
  element.addEventListener('pointerleave', event => { if (event.pointerType === 'mouse') moves.hover(undefined); });
}
