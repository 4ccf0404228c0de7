/** Of an even number the lower of the two in the middle. NaN of nothing. */
export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? NaN;

/** What was measured in a round, and its floor in the same round. */
export type Round = { readonly measured: number; readonly floor: number };

/** The round whose ratio is the median: what else ran on the machine then slowed both. */
export function medianRound(rounds: readonly Round[]): Round & { readonly ratio: number } {
  const ratios = rounds.map((round) => ({ ...round, ratio: round.measured / round.floor }));
  const middle = median(ratios.map(({ ratio }) => ratio));
  const found = ratios.find(({ ratio }) => ratio === middle);
  if (found === undefined) throw new Error('no round was measured');
  return found;
}
