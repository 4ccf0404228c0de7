import type { Finding } from '@touchstone/schemas';
import { finding } from './finding.ts';
import type { QuotedBanks } from './rule-index.ts';
import { isStrong, type StrongBank } from './strong-bank.ts';
import type { VerifiedEvidence } from './verify-evidence.ts';

/** The strong banks in which each PCR is quoted. A PCR that only SHA-1 speaks for is not in it. */
export function quotedBanksOf(evidence: VerifiedEvidence): QuotedBanks {
  const quoted = new Map<number, StrongBank[]>();
  for (const [bank, values] of evidence.pcrs) {
    if (!isStrong(bank)) continue;
    for (const pcr of values.keys()) quoted.set(pcr, [...(quoted.get(pcr) ?? []), bank]);
  }
  return quoted;
}

export const quotedBankNames = (quoted: QuotedBanks): ReadonlySet<StrongBank> =>
  new Set([...quoted.values()].flat());

/** What is quoted in weak banks alone is not proven. */
export function weakBankFindings(evidence: VerifiedEvidence): Finding[] {
  const strong = quotedBanksOf(evidence);
  const weak = [...evidence.pcrs].flatMap(([bank, values]) =>
    [...values.keys()].filter((pcr) => !strong.has(pcr)).map((pcr) => ({ bank, pcr })),
  );
  return weak.map(({ bank, pcr }) =>
    finding('BANK_WEAK', { subject: `PCR ${pcr}`, expected: 'sha256', actual: bank }),
  );
}
