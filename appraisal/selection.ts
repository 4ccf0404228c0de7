import type { Finding, Selection } from '@touchstone/schemas';
import type { BankName, PcrSelection } from '@touchstone/tpm';
import { finding } from './finding.ts';

/**
 * PCRs by bank, as the 32 bits of a number in which bit n is PCR n (TPMS_PCR_SELECTION is a bitmap too: Part
 * 2, 10.6.2); a bank of which nothing is selected is not in it.
 */
export type SelectedPcrs = ReadonlyMap<BankName, number>;

export const selectedByWire = (selection: Selection): SelectedPcrs =>
  selected(Object.entries(selection) as [BankName, number[]][]);

/** In one order of banks, whatever the order of the fields: a policy's digest depends on it. */
export const pcrSelectionOf = (selection: Selection): PcrSelection =>
  (['sha1', 'sha256', 'sha384', 'sha512'] as const).flatMap((bank) => {
    const pcrs = selection[bank] ?? [];
    return pcrs.length === 0 ? [] : [{ bank, pcrs: pcrs.toSorted((a, b) => a - b) }];
  });

export function selectedByTpm(selection: PcrSelection): SelectedPcrs {
  const bits = new Map<BankName, number>();
  for (const { bank, pcrs } of selection) setBits(bits, bank, pcrs);
  return bits;
}

/** The PCRs that values were sent for. */
export function selectedByValues(
  values: ReadonlyMap<BankName, ReadonlyMap<number, unknown>>,
): SelectedPcrs {
  const bits = new Map<BankName, number>();
  for (const [bank, byPcr] of values) setBits(bits, bank, byPcr.keys());
  return bits;
}

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
  if (isWithin(actual, asked) && isWithin(asked, actual)) return [];
  const tooMuch = without(actual, asked);
  const missing = without(asked, actual);
  const shown = { expected: textOf(asked), actual: textOf(actual) };
  const about = (what: SelectedPcrs) => ({ subject: `${subject}: ${textOf(what)}`, ...shown });
  return [
    ...(tooMuch.size === 0 ? [] : [finding(extra, about(tooMuch))]),
    ...(missing.size === 0 ? [] : [finding('SELECTION_INCOMPLETE', about(missing))]),
  ];
}

/** `sha256:0,1,7`, banks separated by a space. */
function textOf(selection: SelectedPcrs): string {
  return [...selection]
    .map(([bank, bits]) => `${bank}:${PCRS.filter((pcr) => (bits & (1 << pcr)) !== 0).join(',')}`)
    .join(' ');
}

const PCRS = Array.from({ length: 32 }, (_, pcr) => pcr);

function isWithin(some: SelectedPcrs, all: SelectedPcrs): boolean {
  for (const [bank, bits] of some) if ((bits & ~(all.get(bank) ?? 0)) !== 0) return false;
  return true;
}

function without(from: SelectedPcrs, what: SelectedPcrs): SelectedPcrs {
  const left = [...from].map(([bank, bits]) => [bank, bits & ~(what.get(bank) ?? 0)] as const);
  return new Map(left.filter(([, bits]) => bits !== 0));
}

function selected(entries: readonly (readonly [BankName, Iterable<number>])[]): SelectedPcrs {
  const bits = new Map<BankName, number>();
  for (const [bank, pcrs] of entries) setBits(bits, bank, pcrs);
  return bits;
}

function setBits(selection: Map<BankName, number>, bank: BankName, pcrs: Iterable<number>): void {
  let bits = 0;
  for (const pcr of pcrs) bits |= bitOf(pcr);
  if (bits !== 0) selection.set(bank, bits);
}

function bitOf(pcr: number): number {
  if (Number.isInteger(pcr) && pcr >= 0 && pcr < PCRS.length) return 1 << pcr;
  throw new RangeError(`no PCR ${pcr}`);
}
