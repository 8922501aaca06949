// A histogram of durations with buckets at most 1/128 wide, as in HdrHistogram (Gil Tene); percentiles have that
// precision.

const bits = new DataView(new ArrayBuffer(8));
const bucketsPerOctave = 128;
const base = 1023 * bucketsPerOctave;  // of 1 ns: the exponent of a double is biased by 1023
const buckets = 54 * bucketsPerOctave;  // up to 2^53 ns, where doubles stop being exact

/// The exponent and the first seven fraction bits of the double, which increase with the value.
function bucketOf(value_ns: number): number {
  bits.setFloat64(0, value_ns);
  return Math.min((bits.getUint32(0) >>> 13) - base, buckets - 1);
}

function middleOf(bucket: number): number {
  const octave = 2 ** Math.floor(bucket / bucketsPerOctave);
  return octave * (1 + (bucket % bucketsPerOctave + 0.5) / bucketsPerOctave);
}

export class Histogram {
  private readonly counts = new Uint32Array(buckets);
  private zeros = 0;
  count = 0;
  max = 0;

  add(value_ns: number): void {
    if (value_ns < 1) ++this.zeros;
    else ++this.counts[bucketOf(value_ns)]!;
    ++this.count;
    if (value_ns > this.max) this.max = value_ns;
  }

  /// The middle of the first bucket at which the cumulative share reaches `share`; undefined without values.
  quantile(share: number): number | undefined {
    if (this.count === 0) return undefined;
    const rank = Math.max(1, Math.ceil(share * this.count));
    let passed = this.zeros;
    if (passed >= rank) return 0;
    for (let bucket = 0; bucket < buckets; ++bucket) {
      passed += this.counts[bucket]!;
      if (passed >= rank) return Math.min(middleOf(bucket), this.max);
    }
    return this.max;
  }

  clear(): void {
    if (this.count === 0) return;
    this.counts.fill(0);
    this.zeros = this.count = this.max = 0;
  }
}
