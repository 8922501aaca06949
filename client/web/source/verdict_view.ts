// What a run was made to find out beyond its latencies: whether the answers were right, and which rate the server bears.
import {h, section, table} from './dom';
import * as format from './format';
import type {Report} from './report';

/// Whether the answers were right (--verify); each counter-example as the timeline that the terminal shows too.
export function verification(report: Report): HTMLElement | null {
  const found = report.verification;
  if (found == null) return null;
  const order = found.lock_order;
  const verdict = found.verdict === 'violated' ? 'VIOLATED' : found.verdict;
  return section('Were the answers right?',
    h('p', {}, h('strong', {class: found.verdict === 'linearizable' ? 'good' : 'bad'}, verdict),
      ` — ${format.plural(found.operations, 'operation')} on ${format.plural(found.keys, 'key')}, ` +
      `${format.count(found.unanswered)} of them unanswered`),
    ...found.violations.map(one => h('figure', {class: 'timeline'},
      h('figcaption', {}, `${one.key}: ${one.kind.replaceAll('_', ' ')}`), h('pre', {}, one.timeline))),
    h('p', {}, order.broken
      ? h('strong', {class: 'bad'}, `The lock was granted out of turn: ${format.count(order.broken_pairs + order.broken_revisions)} times.`)
      : order.judged_pairs === 0 ? 'No pair of requests tells surely who asked for the lock first and was granted it first.'
      : `The lock was granted in the order of asking, in all ${format.plural(order.judged_pairs, 'pair')} of which that is sure.`));
}

/// What a search for the highest rate (--find-max) tried; the rest of the page is about its last run.
export function search(report: Report): HTMLElement | null {
  const found = report.find_max;
  if (found == null) return null;
  const rate = found.rate_per_s == null ? 'No rate that was tried holds them.'
    : `The highest rate that was seen to hold them: ${format.rate(found.rate_per_s)}${found.confirmed ? '' : ', not confirmed'}.`;
  return section('The highest rate', h('p', {}, `Limits: ${found.limits.join(', ')}. ${rate}`),
    table('Rates tried', ['rate', 'answered', 'p50', 'p99', 'outcome'], found.probes.map(one => [
      format.rate(one.rate_per_s), format.rate(one.answered_per_s), format.ms(one.p50_ms), format.ms(one.p99_ms),
      `${one.confirms ? 'confirmation: ' : ''}${one.outcome}${one.why === '' ? '' : ` (${one.why})`}`])));
}
