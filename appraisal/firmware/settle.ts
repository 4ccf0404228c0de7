import type { Finding } from '@touchstone/schemas';
import { finding } from '../finding.ts';
import { type QuirkName, QUIRKS } from '../quirks.ts';
import type { Offence } from './offence.ts';

export type Settled = {
  readonly findings: readonly Finding[];
  /** Those that let something pass, in the ledger's order. */
  readonly quirks: readonly QuirkName[];
};

/** What is left of offences once the quirks that were opted into have let theirs pass, and which did. */
export function settle(offences: readonly Offence[], active: ReadonlySet<string>): Settled {
  const used = new Map<QuirkName, number>();
  const findings: Finding[] = [];
  for (const { finding: found, excusedBy } of offences) {
    if (excusedBy === undefined || !active.has(excusedBy)) findings.push(found);
    else used.set(excusedBy, (used.get(excusedBy) ?? 0) + 1);
  }
  const quirks = LEDGER.filter((quirk) => used.has(quirk));
  const shown = quirks.map((quirk) =>
    finding('QUIRK_IN_USE', {
      subject: quirk,
      actual: `${used.get(quirk)} times: ${QUIRKS[quirk].title}`,
      effect: 'observe',
    }),
  );
  return { findings: [...findings, ...shown], quirks };
}

/** Without which these offences would be findings. */
export const quirksOfOffences = (offences: readonly Offence[]): QuirkName[] =>
  LEDGER.filter((quirk) => offences.some(({ excusedBy }) => excusedBy === quirk));

const LEDGER = Object.keys(QUIRKS) as QuirkName[];
