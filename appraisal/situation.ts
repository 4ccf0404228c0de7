import type { Finding } from '@touchstone/schemas';
import { applicableBaselines } from './comparison/applicable-baselines.ts';
import { type AppraisedTpm, appraiseTpm } from './advisories/tpm-findings.ts';
import type { AppraisalContext } from './appraisal-context.ts';
import type { AppraisalOutcome } from './appraisal-outcome.ts';
import { hostFindings } from './host-findings.ts';
import { imaMeasurementsOf, type ImaMeasurements } from './ima-measurements.ts';
import { keyOf, measuredBy, type Measurements } from './measurements.ts';
import { quotedBankNames } from './quoted-banks.ts';
import type { Directory } from './comparison/tell-more.ts';
import type { UpdateWindow } from './update-window.ts';
import type { VerifiedEvidence } from './verify-evidence.ts';

const situated: unique symbol = Symbol('situated');

/**
 * What is looked at anew for every piece of evidence, whatever was judged before: the host and its class,
 * what it says of itself, which documents are for it, and which of them have expired. Only `situate` makes
 * one, and no result is concluded from less.
 */
export type Situation = {
  readonly [situated]: true;
  readonly measurements: Measurements;
  /** `keyOf` the measurements. */
  readonly key: string;
  readonly akName: string;
  /** One boot, as far as the TPM can tell: resetCount and restartCount. */
  readonly boot: string;
  /** Judged for each evidence: PCR 10 is no part of the key. */
  readonly ima: ImaMeasurements;
  /** Of the TPM itself: advisories are of no boot. */
  readonly tpm: AppraisedTpm;
  /** Of the host, and of the documents that are for it. */
  readonly host: readonly Finding[];
  readonly documents: readonly Finding[];
  readonly references: AppraisalOutcome['baselines'];
  /** What findings are told with. */
  readonly directory: Directory;
  readonly windows: readonly UpdateWindow[];
  readonly now: Date;
  /** The first instant at which something of this changes by itself; Infinity for never. Unix time, ms. */
  readonly notAfterMs: number;
};

export function situate(evidence: VerifiedEvidence, context: AppraisalContext): Situation {
  const measured = measuredBy(evidence);
  const quoted = quotedBankNames(measured);
  const { live, choices, references, findings, untilMs } = applicableBaselines(context, quoted);
  const measurements = { ...measured, class: context.class, baselines: live, choices };
  const { resetCount, restartCount } = evidence.attest.clockInfo;
  const offered = choices.flatMap((some) => some.flatMap(({ documents }) => documents));
  const expiries = [...live, ...offered].flatMap(({ baseline: { expires } }) =>
    expires === undefined ? [] : [new Date(expires).getTime()],
  );
  return {
    [situated]: true,
    measurements,
    key: keyOf(measurements),
    akName: evidence.akName,
    boot: `${resetCount}.${restartCount}`,
    ima: imaMeasurementsOf(evidence, { live, choices }, context),
    tpm: appraiseTpm(
      evidence,
      [...live, ...offered].map(({ baseline }) => baseline),
    ),
    host: hostFindings(evidence, context),
    documents: findings,
    references,
    now: context.now,
    directory: {
      hostId: context.hostId,
      baselines: context.baselines,
      known: context.known ?? [],
      claimedNextBoot: evidence.statement.selfReported.claimedNextBoot ?? [],
    },
    windows: context.windows ?? [],
    notAfterMs: Math.min(untilMs, ...expiries),
  };
}
