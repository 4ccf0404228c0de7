import { firmwareText } from './advisories/known-advisories.ts';
import type { AppraisalContext } from './appraisal-context.ts';
import type { AppraisalMemo } from './appraisal-memo.ts';
import type { AppraisalOutcome } from './appraisal-outcome.ts';
import { tellMore } from './comparison/tell-more.ts';
import { finding } from './finding.ts';
import { UNKNOWN_BOOT } from './firmware/boot-state.ts';
import { kexecFindings, withIma } from './firmware/kexec.ts';
import type { ImaMeasurements } from './ima-measurements.ts';
import { type ImaJudgement, judgeIma, kexecInIma } from './judge-ima.ts';
import { judgeMeasurements, type MeasurementJudgement } from './judge-measurements.ts';
import type { Measurements } from './measurements.ts';
import { POLICY, policyIdOf } from './policy-id.ts';
import { shownFindings } from './shown-findings.ts';
import { type Situation, situate } from './situation.ts';
import { trustVector, UNKNOWN_VECTOR } from './trust-vector.ts';
import { verdictOf, worstEffect } from './verdict.ts';
import { requireVerified, type VerifiedEvidence } from './verify-evidence.ts';
import { byEffect, worstOf } from './weighed-findings.ts';

/** As many as a result's claims hold. */
const MAX_WINDOWS = 64;

const appraised: unique symbol = Symbol('appraised');

/** What an appraisal found. Only this file makes one, and the gate takes nothing less. */
export type AttestationResult = AppraisalOutcome & { readonly [appraised]: true };

/**
 * Holds authentic evidence against the owner's baselines. All findings, not only the first:
 * - the log of the boot is there and readable, and replaying it gives every quoted PCR;
 * - it is of the kind that the host's class has;
 * - every event in a quoted PCR is explained by a baseline, and every rule is met.
 *
 * Affirming only when all of that was looked at and nothing spoke against it. An exception in any step is
 * a finding that enforces, and is not remembered. With a memo the result is the same, and costs less where
 * this AK showed the same in this boot.
 */
export function appraiseEvidence(
  evidence: VerifiedEvidence,
  context: AppraisalContext,
  memo?: AppraisalMemo,
): AttestationResult {
  requireVerified(evidence);
  try {
    const situation = situate(evidence, context);
    const ima = judgeIma(situation.ima);
    const known = memo?.recall(situation);
    if (known !== undefined) return conclude(evidence, situation, known, ima);
    const judgement = judgeMeasurements(situation.measurements);
    const result = conclude(evidence, situation, judgement, ima);
    memo?.keep(situation, judgement);
    return result;
  } catch (error) {
    return appraisalError(evidence, error);
  }
}

/** `judgeMeasurements` and `judgeIma` on another thread. */
export type Judges = {
  readonly measurements: (measured: Measurements) => Promise<MeasurementJudgement>;
  readonly ima: (measured: ImaMeasurements) => Promise<ImaJudgement>;
};

/**
 * The same, where measurements are judged elsewhere. What that gives counts only with the key of what it was asked;
 * its failure is a finding that enforces.
 */
export async function appraiseEvidenceBy(
  judges: Judges,
  evidence: VerifiedEvidence,
  context: AppraisalContext,
  memo?: AppraisalMemo,
): Promise<AttestationResult> {
  requireVerified(evidence);
  try {
    const situation = situate(evidence, context);
    const ima = await judges.ima(situation.ima);
    const known = memo?.recall(situation);
    if (known !== undefined) return conclude(evidence, situation, known, ima);
    const judgement = await judges.measurements(situation.measurements);
    const result = conclude(evidence, situation, judgement, ima);
    memo?.keep(situation, judgement);
    return result;
  } catch (error) {
    return appraisalError(evidence, error);
  }
}

/** From what is looked at each time, and a judgement of the measurements that were seen there. */
function conclude(
  evidence: VerifiedEvidence,
  situation: Situation,
  judgement: MeasurementJudgement,
  ima: ImaJudgement,
): AttestationResult {
  if (judgement.key !== situation.key) throw new TypeError('a judgement of other measurements');
  const { documents, references, tpm } = situation;
  const shownByIma = kexecInIma(situation.ima, ima);
  const bootState = {
    ...judgement.bootState,
    kexec: withIma(judgement.bootState.kexec, shownByIma),
  };
  const kexec = kexecFindings(situation.measurements.class, bootState.kexec, shownByIma);
  const host = [...situation.host, ...kexec];
  const { log, events, commandLine, executables, enforcedPcrs, measured } = judgement;
  const told = tellMore(events.foremost, judgement.leads, situation.directory);
  const measuredLater = ima.findings;
  const findings = byEffect([
    ...[...tpm.findings, ...host, ...log.foremost, ...documents],
    ...[...told, ...measuredLater.foremost],
  ]);
  const shown = shownFindings(findings);
  const count = log.count + events.count + measuredLater.count;
  const aside = [log.worst, worstEffect(documents)];
  return resultOf(evidence, {
    verdict: verdictOf([
      ...[worstEffect(tpm.findings), worstEffect(host)],
      ...[events.worst, measuredLater.worst, ...aside],
    ]),
    vector: trustVector({
      configuration: worstOf([
        worstEffect(host.filter(({ code }) => code !== 'KEXEC_UNMEASURED')),
        ...aside,
        commandLine,
      ]),
      executables: worstOf([worstEffect(host), ...aside, executables, measuredLater.worst]),
      hardware: worstEffect(tpm.findings),
      enforcedPcrs,
    }),
    findings: shown,
    findingsOmitted: tpm.findings.length + host.length + documents.length + count - shown.length,
    baselines: references,
    windows: situation.windows.slice(0, MAX_WINDOWS).flatMap(({ id, name, until }) => {
      const state = judgement.windows[id];
      return state === undefined ? [] : [{ id, name, until, state }];
    }),
    events: measured,
    bootState,
    policyId: policyIdOf(references),
    ima: ima.outcome,
    tpm: tpm.standing,
  });
}

function appraisalError(evidence: VerifiedEvidence, error: unknown): AttestationResult {
  const actual = error instanceof Error ? error.name : 'unknown';
  return resultOf(evidence, {
    verdict: 'contraindicated',
    vector: UNKNOWN_VECTOR,
    findings: [finding('APPRAISAL_ERROR', { subject: 'appraisal', actual })],
    findingsOmitted: 0,
    baselines: [],
    windows: [],
    events: [],
    bootState: UNKNOWN_BOOT,
    policyId: POLICY,
    ima: { list: 'none', isAsked: false, believedEntries: 0, nextEntry: 0 },
    tpm: { firmware: firmwareText(evidence.attest.firmwareVersion), advisories: [] },
  });
}

type Concluded = Pick<
  AppraisalOutcome,
  | 'verdict'
  | 'vector'
  | 'findings'
  | 'findingsOmitted'
  | 'baselines'
  | 'windows'
  | 'events'
  | 'bootState'
  | 'policyId'
  | 'ima'
  | 'tpm'
>;

/** With what the evidence says of itself, which is never remembered. */
function resultOf(evidence: VerifiedEvidence, concluded: Concluded): AttestationResult {
  const { clock, resetCount, restartCount } = evidence.attest.clockInfo;
  const outcome: AppraisalOutcome = {
    ...concluded,
    selfReportedMeasurements: evidence.certifiedClass === 'software',
    class: evidence.certifiedClass,
    evidence: evidence.digest,
    boot: { resetCount, restartCount, clock },
    akName: evidence.akName,
    purpose: evidence.statement.purpose,
  };
  return Object.freeze({ ...outcome, [appraised]: true as const });
}
