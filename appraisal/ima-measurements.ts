import { IMA_PCR } from '@touchstone/eventlog';
import type { Baseline, ImaProgress } from '@touchstone/schemas';
import type { BankName, PcrValues } from '@touchstone/tpm';
import type { AppraisalContext } from './appraisal-context.ts';
import {
  type ApplicableBaselines,
  applicableBaselines,
} from './comparison/applicable-baselines.ts';
import type { ImaDocument } from './ima/ima-segment.ts';
import { measuredBy } from './measurements.ts';
import { quotedBankNames } from './quoted-banks.ts';
import type { VerifiedEvidence } from './verify-evidence.ts';

/** All that the judgement of a list follows from. Plain data. */
export type ImaMeasurements = {
  readonly policies: readonly ImaDocument[];
  /** Those that are not active: findings name things by them. */
  readonly known: readonly ImaDocument[];
  /** As quoted: PCR 10, and those that a boot_aggregate sums up. */
  readonly pcrs: PcrValues;
  /** Undefined where the host says that it shows none. */
  readonly list: { readonly fromEntry: number; readonly entries: Uint8Array } | undefined;
  /** What earlier parts of the list came to. */
  readonly prior: ImaProgress | undefined;
};

/** They may be long, and are only to help with names. */
const MAX_KNOWN = 8;

export function imaMeasurementsOf(
  { statement, claimedImaList, pcrs }: VerifiedEvidence,
  { live, choices }: Pick<ApplicableBaselines, 'live' | 'choices'>,
  { ima, known = [] }: Pick<AppraisalContext, 'ima' | 'known'>,
): ImaMeasurements {
  const reference = statement.logs.find((log) => log.kind === 'ima');
  const list =
    reference === undefined || claimedImaList === undefined
      ? undefined
      : { fromEntry: reference.fromEntry, entries: claimedImaList.entries };
  // In an update window a file is good where the old document says so, or the new one.
  const offered = choices.flatMap((some) => some.flatMap(({ documents }) => documents));
  const policies = imaDocumentsIn(new Set([...live, ...offered].map(({ baseline }) => baseline)));
  return {
    policies,
    known: imaDocumentsIn(known).slice(0, MAX_KNOWN),
    pcrs,
    list,
    prior: ima?.prior,
  };
}

/** What documents say of IMA. */
const imaDocumentsIn = (baselines: Iterable<Baseline>): ImaDocument[] =>
  [...baselines].flatMap(({ part, name, version, ima: policy }) => {
    return policy === undefined ? [] : [{ document: `${part} ${name} version ${version}`, policy }];
  });

/** The same, from what a host is held against and what it quoted. */
export function imaDocumentsFor(
  evidence: VerifiedEvidence,
  context: AppraisalContext,
): readonly ImaDocument[] {
  const applicable = applicableBaselines(context, quotedBankNames(measuredBy(evidence)));
  return imaMeasurementsOf(evidence, applicable, context).policies;
}

/** PCR 10 in each bank that it was quoted in. */
export const imaPcrsOf = (pcrs: PcrValues): [BankName, Uint8Array][] =>
  [...pcrs].flatMap(([bank, values]) => {
    const value = values.get(IMA_PCR);
    return value === undefined ? [] : [[bank, value]];
  });
