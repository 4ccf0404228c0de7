import type { Deployment } from './deployment.ts';

/** One line of the table: a measured figure beside what it is held against, in the same run. */
export type Figure = {
  readonly what: string;
  readonly measured: Quantity;
  readonly against: Quantity & { readonly name: string };
  /** Null where the floor is nothing. */
  readonly ratio: number | null;
  /** Null for what is only shown. */
  readonly reach: string | null;
  readonly reached: boolean;
};

export type Quantity = { readonly value: number; readonly unit: 'us' | 'ms' | 'MB' | '%' | 'x' };

export type Run = {
  /** What is measured is measured so often, in turns with its floor, and the median counts. */
  readonly rounds: number;
  /** Small fleets and short waits: that everything runs is all that such figures say. */
  readonly quick: boolean;
  /** The larger of the two fleets. */
  readonly hosts: number;
  readonly progress: (line: string) => void;
  /** One for all rows, started for the first that asks. */
  readonly deployment: () => Promise<Deployment>;
};

export type Row = {
  readonly name: string;
  readonly summary: string;
  /** Why it cannot be measured here; undefined where it can. */
  readonly lacks?: () => string | undefined;
  measure(run: Run): Promise<Figure[]>;
};
