import { parseEventLog, replayEventLog, IMA_PCR } from '@touchstone/eventlog';
import type { AssuranceClass, Baseline } from '@touchstone/schemas';
import { type BankName, hashHex, hashOfBank, type PcrValues } from '@touchstone/tpm';
import type { AppraisalOutcome } from './appraisal-outcome.ts';
import { applicableBaselines } from './comparison/applicable-baselines.ts';
import { kexecFindings } from './firmware/kexec.ts';
import { judgeMeasurements } from './judge-measurements.ts';
import { quotedBankNames } from './quoted-banks.ts';
import { shownFindings } from './shown-findings.ts';
import { isStrong } from './strong-bank.ts';
import { verdictOf, worstEffect } from './verdict.ts';
import { byEffect } from './weighed-findings.ts';

/** What a log would be found to be if a TPM vouched for it, and none did. */
export type LogAppraisal = Pick<
  AppraisalOutcome,
  'verdict' | 'class' | 'findings' | 'findingsOmitted' | 'baselines' | 'bootState' | 'events'
> & {
  /** The values that the log leads to, which were taken for those of PCRs. */
  readonly pcrs: PcrValues;
};

/** Whether or not a log has events of them: PCRs that hold still for a boot, IMA's apart. */
const STATIC_PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15];

/**
 * Holds a log by itself against documents, by the judgement that evidence gets: its replayed values stand
 * for quoted ones, in the banks that the documents list; PCRs of which it has no event are as after a
 * reset. All documents of the class count, whatever labels and host they match: whoever names them means them.
 *
 * No quote, so no verdict of this can become an attestation result. What another kernel may have done since
 * (kexec) is not in a log and only told. A log of no bytes is that of a boot of which none was handed on.
 *
 * @throws ParseError as parseEventLog does
 */
export function appraiseLog(
  bytes: Uint8Array,
  {
    class: held,
    baselines,
    now,
  }: {
    readonly class: AssuranceClass;
    readonly baselines: readonly Baseline[];
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
  const findings = byEffect([...log.foremost, ...documents, ...events.foremost, ...kexec]);
  const shown = shownFindings(findings);
  return {
    verdict: verdictOf([log.worst, worstEffect(documents), events.worst]),
    class: held,
    findings: shown,
    findingsOmitted: documents.length + log.count + events.count + kexec.length - shown.length,
    baselines: references,
    bootState,
    events: judged.measured,
    pcrs,
  };
}

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
