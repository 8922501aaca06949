// Describes one request in words.
import {duration, moment, ordinal, plural, shown} from './format';
import type {OpenRequest} from './model';
import type {Request} from './records';

interface Described { source: string; operation: string; key: string }

export function what(one: Described): string { return `${one.operation} ${shown(one.key)}`; }
export function whose(one: Described): string { return `${shown(one.source)}'s ${what(one)}`; }

function asked(one: Described & {position: number; asked_ns: number; granted_ns: number | null}): string {
  const place = one.position === 1 ? ', next in the queue' : one.position > 1 ? `, ${ordinal(one.position)} in the queue` :
    one.granted_ns === one.asked_ns ? ', and found it free' : '';
  return `${shown(one.source)} asked for the lock at ${moment(one.asked_ns)} for ${what(one)}${place}.`;
}

/// The holds that delayed the request, longest first, and the part of the wait that no hold explains.
export function blame(request: Request): string {
  const waited_ns = (request.granted_ns ?? request.ended_ns) - request.asked_ns;
  const parts = request.behind.map(one => `${duration(one.held_ns)} behind ${whose(one)} (no. ${one.id})`);
  const {count, held_ns} = request.behind_others;
  if (count > 0) parts.push(`${duration(held_ns)} behind ${plural(count, 'other')}`);
  if (parts.length === 0) return '';
  const explained_ns = request.behind.reduce((sum, one) => sum + one.held_ns, held_ns);
  const rest_ns = waited_ns - explained_ns;
  if (rest_ns >= Math.max(1e3, waited_ns / 1000)) parts.push(`${duration(rest_ns)} for hand-offs`);
  return `: ${parts.join(', ')}`;
}

const endings = {
  released: '', cancelled: 'was cancelled, because the server was stopping', timed_out: 'timed out',
  hung_up: 'disconnected', refused: 'was refused, because the queue was full',
};

export function story(request: Request): string {
  const waited_ns = (request.granted_ns ?? request.ended_ns) - request.asked_ns;
  const sentences = [asked(request)];
  const wait = waited_ns > 0 ? `It waited ${duration(waited_ns)}${blame(request)}` : 'It did not wait';
  const ending = endings[request.outcome];
  if (request.granted_ns === null) {
    sentences.push(`${wait}, and then ${ending || 'left the queue'}. It never held the lock.`);
  } else {
    const held = duration(request.ended_ns - request.granted_ns);
    sentences.push(`${wait}. Then it held the lock for ${held}${ending === '' ? '' : `, until it ${ending}`}.`);
  }
  return sentences.join(' ');
}

/// @param ahead the requests that hold or wait before it  @param known false if the connection is lost; then `now_ns`
/// is the time of the last message
export function openStory(request: OpenRequest, now_ns: number, ahead: OpenRequest[], known = true): string {
  const ending = known ? '' : ' What happened since then is unknown.';
  if (request.granted_ns !== null) {
    const waited_ns = request.granted_ns - request.asked_ns;
    const wait = waited_ns > 0 ? `It waited ${duration(waited_ns)}` : 'It did not wait';
    const of = request.hold_ns === null ? '' : ` of ${duration(request.hold_ns)}`;
    const held = duration(now_ns - request.granted_ns);
    return known ? `${asked(request)} ${wait}. It holds the lock now, for ${held}${of} so far.` :
      `${asked(request)} ${wait}. At the last message it had held the lock for ${held}${of}.${ending}`;
  }
  const behind = ahead.length === 0 ? '' :
    `, behind ${ahead.slice(0, 4).map(whose).join(', ')}${ahead.length > 4 ? ` and ${plural(ahead.length - 4, 'other')}` : ''}`;
  const waited = duration(now_ns - request.asked_ns);
  return known ? `${asked(request)} It has waited ${waited} so far${behind}.` :
    `${asked(request)} At the last message it had waited ${waited}${behind}.${ending}`;
}
