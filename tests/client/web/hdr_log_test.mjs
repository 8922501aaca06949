// What --hdr writes, read by HdrHistogram's library and held against the JSON of the same run.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {after, before, test} from 'node:test';
import {HistogramLogReader} from 'hdr-histogram-js';
import {measure} from './measured_run.mjs';

let run, report, histograms;

before(async () => {
  run = await measure(['--connections', '4', '--duration', '2s', '--json', '{run.json}', '--hdr', '{run.hlog}']);
  report = JSON.parse(readFileSync(run.file('run.json'), 'utf8'));
  const reader = new HistogramLogReader(readFileSync(run.file('run.hlog'), 'utf8'));
  histograms = [];
  for (let next; (next = reader.nextIntervalHistogram()) !== null;) histograms.push(next);
});
after(() => run.remove());

const rows = () => report.seconds.flatMap(row => Object.entries(row.operations).map(([operation, of]) => ({row, operation, of})));

test('has a histogram for each second and operation', () => {
  assert.ok(histograms.length >= 4);
  assert.deepEqual(histograms.map(one => one.tag), rows().map(one => one.operation));
});

test('counts what the report counts', () => {
  assert.deepEqual(histograms.map(one => one.totalCount), rows().map(one => one.of.answers));
});

test('has the same percentiles', () => {
  rows().forEach(({of}, index) => {
    for (const [percentile, field] of [[50, 'p50_ms'], [90, 'p90_ms'], [99, 'p99_ms'], [99.9, 'p99_9_ms']]) {
      const told = histograms[index].getValueAtPercentile(percentile) / 1e6;
      // The report's never exceed the exact maximum, so they may lie below the end of the bucket.
      assert.ok(Math.abs(told - of[field]) <= of[field] / 128, `${field}: ${told} and ${of[field]}`);
    }
  });
});

test('says when each second was', () => {
  const start = Date.parse(report.started_at);
  rows().forEach(({row}, index) => {
    assert.ok(Math.abs(histograms[index].startTimeStampMsec - start - row.second * 1000) < 1001);
    assert.ok(Math.abs(histograms[index].endTimeStampMsec - histograms[index].startTimeStampMsec - row.length_ms) <= 1);
  });
});
