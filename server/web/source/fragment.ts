// A moment as the `#` part of an address, so that a link shows others the same view. A Holdfast-Request-Id alone, such
// as `#9f3c01a2-17`, stands for the moment of that request.
import type {Span} from './span';

/// Without a span, it is the request's own.
export interface Moment {
  start: string;
  span: Span | undefined;
  request: number | undefined;
  lanes: Lane[];  // as displayed, top first
}
export interface Lane { source: string; colour: number }

const lanes_max = 16;

export function toFragment(moment: Moment & {span: Span}): string {
  const fields = new URLSearchParams({start: moment.start, from: String(Math.round(moment.span.from_ns)),
    to: String(Math.round(moment.span.to_ns))});
  if (moment.request !== undefined) fields.set('request', String(moment.request));
  for (const {source, colour} of moment.lanes) fields.append('lane', `${colour}.${source}`);
  return `#${fields}`;
}

/// @return undefined if the fragment is not a valid moment
export function fromFragment(fragment: string): Moment | undefined {
  const id = /^#?([0-9a-f]{1,16})-(\d{1,16})$/.exec(fragment);
  if (id !== null) return {start: id[1]!, span: undefined, request: Number(id[2]), lanes: []};
  const fields = new URLSearchParams(fragment.replace(/^#/, ''));
  const number = (name: string) => {
    const text = fields.get(name);
    return text !== null && /^-?\d{1,16}$/.test(text) ? Number(text) : undefined;
  };
  const start = fields.get('start'), from_ns = number('from'), to_ns = number('to');
  if (start === null || from_ns === undefined || to_ns === undefined || to_ns <= from_ns) return undefined;
  const lanes = fields.getAll('lane').slice(0, lanes_max).flatMap((text): Lane[] => {
    const found = /^(\d{1,2})\.([^]{1,1024})$/.exec(text);
    return found === null ? [] : [{source: found[2]!, colour: Number(found[1])}];
  });
  return {start, span: {from_ns, to_ns}, request: number('request'), lanes};
}
