// What holdfast compare writes as JSON (client/compare/comparison.hpp documents it), and the middle run of each side.
import type {Report} from './report';

export interface Side {
  file: string;
  runs: number;
  middle: number;  // the number of the run that is shown, from 1: the median by throughput
  report: Report;
}

export interface Effect { relative: boolean; estimate: number; low: number; high: number }

export type Verdict = 'better' | 'worse' | 'no_difference' | 'not_judged';

export interface FigureComparison {
  figure: string;
  unit: string;
  higher_is_better: boolean;
  before: number[];
  after: number[];
  before_median: number | null;
  after_median: number | null;
  change: Effect | null;
  p: number | null;
  adjusted_p: number | null;
  verdict: Verdict;
  why_not: string | null;
}

export interface Comparison {
  version: number;
  before: Side;
  after: Side;
  differences: {setting: string; before: string; after: string}[];
  notes: string[];
  figures: FigureComparison[];
  limits: {limit: string; judged: boolean; broken: boolean; because: string}[];
}
