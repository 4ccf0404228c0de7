import type { Finding } from '@touchstone/schemas';
import { finding } from './finding.ts';
import type { QuotedBanks } from './comparison/rule-index.ts';
import { isStrong, type StrongBank } from './strong-bank.ts';
import type { Measurements } from './measurements.ts';

/** The strong banks in which each PCR is quoted. A PCR that only SHA-1 speaks for is not in it. */
export function quotedBanksOf(measured: Pick<Measurements, 'pcrs'>): QuotedBanks {
  const quoted = new Map<number, StrongBank[]>();
  for (const [bank, values] of measured.pcrs) {
    if (!isStrong(bank)) continue;
    for (const pcr of values.keys()) quoted.set(pcr, [...(quoted.get(pcr) ?? []), bank]);
  }
  return quoted;
}

/** The strong banks in which anything is quoted. */
export const quotedBankNames = ({ pcrs }: Pick<Measurements, 'pcrs'>): ReadonlySet<StrongBank> =>
  new Set([...pcrs].flatMap(([bank, { size }]) => (size > 0 && isStrong(bank) ? [bank] : [])));

/** What is quoted in weak banks alone is not proven. */
export function weakBankFindings(measured: Pick<Measurements, 'pcrs'>): Finding[] {
  const strong = quotedBanksOf(measured);
  const weak = [...measured.pcrs].flatMap(([bank, values]) =>
    [...values.keys()].filter((pcr) => !strong.has(pcr)).map((pcr) => ({ bank, pcr })),
  );
  return weak.map(({ bank, pcr }) =>
    finding('BANK_WEAK', { subject: `PCR ${pcr}`, expected: 'sha256', actual: bank }),
  );
}
