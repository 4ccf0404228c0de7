import type { Finding, Selection } from '@touchstone/schemas';
import type { BankName, PcrSelection } from '@touchstone/tpm';
import { finding } from './finding.ts';

/** PCRs by bank; a bank of which nothing is selected is not in it. */
export type SelectedPcrs = ReadonlyMap<BankName, ReadonlySet<number>>;

export const selectedByWire = (selection: Selection): SelectedPcrs =>
  nonEmpty(Object.entries(selection) as [BankName, readonly number[]][]);

export const selectedByTpm = (selection: PcrSelection): SelectedPcrs =>
  nonEmpty(selection.map(({ bank, pcrs }) => [bank, pcrs] as const));

/**
 * What speaks against `actual` being exactly the PCRs that were asked for. An empty list is the only yes.
 * `extra` is the code of what is too much.
 */
export function compareSelections(
  subject: string,
  asked: SelectedPcrs,
  actual: SelectedPcrs,
  extra: 'SELECTION_MISMATCH' | 'UNCOVERED_PCR' = 'SELECTION_MISMATCH',
): Finding[] {
  const shown = { expected: textOf(asked), actual: textOf(actual) };
  const tooMuch = textOf(without(actual, asked));
  const missing = textOf(without(asked, actual));
  return [
    ...(tooMuch === '' ? [] : [finding(extra, { subject: `${subject}: ${tooMuch}`, ...shown })]),
    ...(missing === ''
      ? []
      : [finding('SELECTION_INCOMPLETE', { subject: `${subject}: ${missing}`, ...shown })]),
  ];
}

/** `sha256:0,1,7`, banks separated by a space. */
function textOf(selection: SelectedPcrs): string {
  return [...selection]
    .map(([bank, pcrs]) => `${bank}:${[...pcrs].toSorted((a, b) => a - b).join(',')}`)
    .join(' ');
}

function without(from: SelectedPcrs, what: SelectedPcrs): SelectedPcrs {
  return nonEmpty(
    [...from].map(([bank, pcrs]) => {
      const known = what.get(bank);
      return [bank, [...pcrs].filter((pcr) => known?.has(pcr) !== true)] as const;
    }),
  );
}

function nonEmpty(entries: readonly (readonly [BankName, readonly number[]])[]): SelectedPcrs {
  return new Map(
    entries.filter(([, pcrs]) => pcrs.length > 0).map(([bank, pcrs]) => [bank, new Set(pcrs)]),
  );
}
