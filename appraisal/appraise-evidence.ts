import type { EventLog, LogEvent } from '@touchstone/eventlog';
import type { Finding, MeasuredEvent, TrustVector, Verdict } from '@touchstone/schemas';
import { type ApplicableBaselines, applicableBaselines } from './applicable-baselines.ts';
import type { AppraisalContext } from './appraisal-context.ts';
import type { AppraisalOutcome } from './appraisal-outcome.ts';
import { readBootLog } from './boot-log.ts';
import { eventFindings, type PcrFinding } from './event-findings.ts';
import { explainEvents, type Explanation } from './explain-events.ts';
import { finding } from './finding.ts';
import { hostFindings } from './host-findings.ts';
import { replayFindings } from './log-replay.ts';
import { measuredEvents } from './measured-events.ts';
import { POLICY, policyIdOf } from './policy-id.ts';
import { quotedBanksOf, quotedBankNames, weakBankFindings } from './quoted-banks.ts';
import { grammarFindings } from './software-grammar.ts';
import { shownFindings } from './shown-findings.ts';
import { trustVector, UNKNOWN_VECTOR } from './trust-vector.ts';
import { requireVerified, type VerifiedEvidence } from './verify-evidence.ts';

const appraised: unique symbol = Symbol('appraised');

/** What an appraisal found. Only `appraiseEvidence` makes one, and the gate takes nothing less. */
export type AttestationResult = AppraisalOutcome & { readonly [appraised]: true };

/**
 * Holds authentic evidence against the owner's baselines. All findings, not only the first:
 * - the log of the boot is there and readable, and replaying it gives every quoted PCR;
 * - it is of the kind that the host's class has;
 * - every event in a quoted PCR is explained by a baseline, and every rule is met.
 *
 * Affirming only when all of that was looked at and nothing spoke against it. An exception in any step is
 * a finding that enforces.
 */
export function appraiseEvidence(
  evidence: VerifiedEvidence,
  context: AppraisalContext,
): AttestationResult {
  requireVerified(evidence);
  const judgement = judgeSafely(evidence, context);
  const { clock, resetCount, restartCount } = evidence.attest.clockInfo;
  const findings = judgement.findings.toSorted((a, b) => RANK[a.effect] - RANK[b.effect]);
  const shown = shownFindings(findings);
  const outcome: AppraisalOutcome = {
    ...judgement,
    verdict: verdictOf(findings),
    findings: shown,
    findingsOmitted: findings.length - shown.length,
    selfReportedMeasurements: evidence.certifiedClass === 'software',
    class: evidence.certifiedClass,
    evidence: evidence.digest,
    boot: { resetCount, restartCount, clock },
    akName: evidence.akName,
    purpose: evidence.statement.purpose,
  };
  return Object.freeze({ ...outcome, [appraised]: true as const });
}

type Judgement = {
  readonly findings: readonly Finding[];
  readonly vector: TrustVector;
  readonly events: AppraisalOutcome['events'];
  readonly baselines: AppraisalOutcome['baselines'];
  readonly policyId: string;
};

const RANK = { enforce: 0, warn: 1, observe: 2 } as const;

/** Nothing but warnings and observations lifts the verdict from where it starts. */
function verdictOf(findings: readonly Finding[]): Verdict {
  if (!findings.every(({ effect }) => effect === 'warn' || effect === 'observe')) {
    return 'contraindicated';
  }
  return findings.some(({ effect }) => effect === 'warn') ? 'warning' : 'affirming';
}

function judgeSafely(evidence: VerifiedEvidence, context: AppraisalContext): Judgement {
  try {
    return judge(evidence, context);
  } catch (error) {
    const actual = error instanceof Error ? error.name : 'unknown';
    return {
      findings: [finding('APPRAISAL_ERROR', { subject: 'appraisal', actual })],
      vector: UNKNOWN_VECTOR,
      events: [],
      baselines: [],
      policyId: POLICY,
    };
  }
}

function judge(evidence: VerifiedEvidence, context: AppraisalContext): Judgement {
  const quoted = quotedBanksOf(evidence);
  const boot = readBootLog(evidence);
  const log = boot.state === 'read' ? boot.log : undefined;
  const findings = [
    ...hostFindings(evidence, context),
    ...weakBankFindings(evidence),
    ...(boot.state === 'unreadable' ? boot.findings : replayFindings(evidence, log)),
    ...grammarFindings(evidence, log, context.class),
  ];
  const applicable = applicableBaselines(context, quotedBankNames(quoted));
  const compared = compare(applicable, log, quoted);
  const all = [...findings, ...applicable.findings];
  return {
    findings: [...all, ...compared.findings.map((one) => one.finding)],
    vector: trustVector({ findings: all, events: compared.findings, live: applicable.live }),
    events: compared.events,
    baselines: applicable.references,
    policyId: policyIdOf(applicable.references),
  };
}

/** Without a document whose rules count there is nothing to hold events against; that was said already. */
function compare(
  { live }: ApplicableBaselines,
  log: EventLog | undefined,
  quoted: ReturnType<typeof quotedBanksOf>,
): { findings: readonly PcrFinding[]; events: readonly MeasuredEvent[] } {
  const events = log?.events.filter((event: LogEvent) => event.extends) ?? [];
  const judged = events.filter(({ pcr }) => quoted.has(pcr));
  const explanation: Explanation | undefined =
    live.length === 0 ? undefined : explainEvents(live, judged, quoted);
  const banks = new Map(
    [...quoted].flatMap(([pcr, [bank]]) => (bank === undefined ? [] : [[pcr, bank]])),
  );
  return {
    findings: explanation === undefined ? [] : eventFindings(explanation, banks),
    events: measuredEvents(events, banks, explanation),
  };
}
