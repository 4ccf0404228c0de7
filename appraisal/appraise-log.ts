import { IMA_PCR, parseEventLog, replayEventLog, surveyImaList } from '@touchstone/eventlog';
import type { AssuranceClass, Baseline, Finding } from '@touchstone/schemas';
import { type BankName, hashHex, hashOfBank, type PcrValues } from '@touchstone/tpm';
import type { AppraisalOutcome } from './appraisal-outcome.ts';
import { applicableBaselines, type LiveBaseline } from './comparison/applicable-baselines.ts';
import { nameOfBaseline } from './comparison/event-text.ts';
import { kexecFindings } from './firmware/kexec.ts';
import { appraiseImaSegment } from './ima/appraise-ima-segment.ts';
import type { ImaAppraisal } from './ima/ima-segment.ts';
import { judgeMeasurements } from './judge-measurements.ts';
import { quotedBankNames } from './quoted-banks.ts';
import { shownFindings } from './shown-findings.ts';
import { isStrong } from './strong-bank.ts';
import { verdictOf, worstEffect } from './verdict.ts';
import { byEffect, type WeighedFindings, worstOf } from './weighed-findings.ts';

/** What a log would be found to be if a TPM vouched for it, and none did. */
export type LogAppraisal = Pick<
  AppraisalOutcome,
  'verdict' | 'class' | 'findings' | 'findingsOmitted' | 'baselines' | 'bootState' | 'events'
> & {
  /** The values that the log leads to, which were taken for those of PCRs. */
  readonly pcrs: PcrValues;
  /** How many entries of IMA's list were judged. */
  readonly imaEntries: number;
};

/** Whether or not a log has events of them: PCRs that hold still for a boot, IMA's apart. */
const STATIC_PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15];

/**
 * Holds a log by itself against documents, by the judgement that evidence gets: its replayed values stand
 * for quoted ones, in the banks that the documents list; PCRs of which it has no event are as after a
 * reset. All documents of the class count, whatever labels and host they match: whoever names them means them.
 *
 * IMA's list is judged whole, as if PCR 10 were what it leads to, by the policies that documents have; where
 * they have one and there is no list, that is a finding.
 *
 * No quote, so no verdict of this can become an attestation result. What another kernel may have done since
 * (kexec) is not in a log and only told. A log of no bytes is that of a boot of which none was handed on.
 *
 * @throws ParseError as parseEventLog and surveyImaList do
 */
export function appraiseLog(
  bytes: Uint8Array,
  {
    class: held,
    baselines,
    ima: list,
    now,
  }: {
    readonly class: AssuranceClass;
    readonly baselines: readonly Baseline[];
    readonly ima?: Uint8Array | undefined;
    readonly now: Date;
  },
): LogAppraisal {
  const pcrs = replayedPcrs(bytes, baselines);
  const context = {
    hostId: 'of a log',
    class: held,
    labels: {},
    baselines: baselines.map(forAll),
    now,
  };
  const quoted = quotedBankNames({ pcrs });
  const { live, references, findings: documents } = applicableBaselines(context, quoted);
  const digest = hashHex('sha256', bytes);
  const bootLogs = bytes.length === 0 ? [] : [{ digest, bytes }];
  const judged = judgeMeasurements({ class: held, pcrs, bootLogs, baselines: live });
  const { log, events, bootState } = judged;
  const kexec = kexecFindings(held, bootState.kexec).map((one) => ({
    ...one,
    effect: 'observe' as const,
  }));
  const ima = appraiseList(list, live, pcrs);
  const findings = byEffect([
    ...[...log.foremost, ...documents, ...events.foremost],
    ...[...ima.findings, ...kexec],
  ]);
  const shown = shownFindings(findings);
  return {
    verdict: verdictOf([log.worst, worstEffect(documents), events.worst, ima.worst]),
    class: held,
    findings: shown,
    findingsOmitted:
      log.count + documents.length + events.count + ima.count + kexec.length - shown.length,
    baselines: references,
    bootState,
    events: judged.measured,
    pcrs,
    imaEntries: ima.entries,
  };
}

/** What IMA measured, as far as documents speak of it. A list that none speaks of is judged by nobody. */
function appraiseList(
  list: Uint8Array | undefined,
  live: readonly LiveBaseline[],
  boot: PcrValues,
): Pick<WeighedFindings, 'count' | 'worst'> & {
  readonly findings: readonly Finding[];
  readonly entries: number;
} {
  const policies = live.flatMap(({ baseline }) =>
    baseline.ima === undefined
      ? []
      : [{ document: nameOfBaseline(baseline), policy: baseline.ima }],
  );
  const end = list === undefined ? undefined : surveyImaList(list).whole.sha256;
  const held = new Map(boot.get('sha256'));
  if (end !== undefined) held.set(IMA_PCR, end);
  const pcrs = new Map([...boot, ['sha256', held] as const]);
  const context = { policies, pcrs, fromEntry: 0 };
  const { findings, findingsOmitted, progress, believedEntries } =
    policies.length === 0 ? NOT_JUDGED : appraiseImaSegment(undefined, list, context);
  return {
    findings,
    count: findings.length + findingsOmitted,
    worst: worstOf([worstEffect(findings), progress?.worst ?? null]),
    entries: believedEntries,
  };
}

const NOT_JUDGED: Pick<
  ImaAppraisal,
  'findings' | 'findingsOmitted' | 'progress' | 'believedEntries'
> = { findings: [], findingsOmitted: 0, progress: undefined, believedEntries: 0 };

const forAll = ({ match, ...baseline }: Baseline): Baseline => ({
  ...baseline,
  match: { labels: {}, class: match.class },
});

function replayedPcrs(bytes: Uint8Array, baselines: readonly Baseline[]): PcrValues {
  const log = bytes.length === 0 ? undefined : parseEventLog(bytes);
  const replay = log === undefined ? undefined : replayEventLog(log);
  const extended = log?.events.filter((event) => event.extends).map(({ pcr }) => pcr) ?? [];
  const pcrs = [...new Set([...STATIC_PCRS, ...extended])]
    .filter((pcr) => pcr !== IMA_PCR)
    .toSorted((a, b) => a - b);
  const named = baselines.flatMap(({ banks }) => banks.filter(isStrong));
  const banks: BankName[] = named.length === 0 ? ['sha256'] : [...new Set(named)];
  return new Map(
    banks.map((bank) => {
      const { size } = hashOfBank(bank);
      const valueOf = (pcr: number) => replay?.banks.get(bank)?.get(pcr) ?? new Uint8Array(size);
      return [bank, new Map(pcrs.map((pcr) => [pcr, valueOf(pcr)]))] as const;
    }),
  );
}
