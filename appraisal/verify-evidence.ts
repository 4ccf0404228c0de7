import type { AssuranceClass, Finding } from '@touchstone/schemas';
import { nameHexOf } from '@touchstone/tpm';
import { finding } from './finding.ts';
import { evidenceDigestOf, type ParsedEvidence } from './parse-evidence.ts';
import type { VerificationContext } from './verification-context.ts';
import { verifyIdentity } from './verify-identity.ts';
import { verifyLogs } from './verify-logs.ts';
import { verifyPcrs } from './verify-pcrs.ts';
import { verifyStatement } from './verify-statement.ts';

const verified: unique symbol = Symbol('verified');

/** What this file made. A copy with something changed has the type and is not in here. */
const made = new WeakSet<VerifiedEvidence>();

/**
 * Authentic evidence: this host's AK made it, in answer to this challenge, over these PCR values, and its
 * logs are those that the statement names. It says nothing about whether any of that is good.
 */
export type VerifiedEvidence = ParsedEvidence & {
  readonly [verified]: true;
  /** SHA-256 of the TPMS_ATTEST, lower-case hex. */
  readonly digest: string;
  /** The AK's Name, lower-case hex. */
  readonly akName: string;
  /** From the AK's certificate. */
  readonly certifiedClass: AssuranceClass;
  /** What it was verified against. */
  readonly against: VerificationContext;
};

export type Verification =
  | { readonly ok: true; readonly evidence: VerifiedEvidence }
  | { readonly ok: false; readonly findings: Finding[] };

/**
 * Whether evidence is authentic. Only this function makes `VerifiedEvidence`, and only when none of the
 * four steps finds anything; else all of their findings are given, in the order of the steps.
 */
export function verifyEvidence(parsed: ParsedEvidence, context: VerificationContext): Verification {
  try {
    const findings = [
      ...verifyStatement(parsed, context),
      ...verifyIdentity(parsed, context),
      ...verifyPcrs(parsed, context),
      ...verifyLogs(parsed),
    ];
    if (findings.length > 0) return { ok: false, findings };
    const [akName, digest] = [nameHexOf(context.akPublic), evidenceDigestOf(parsed)];
    const certifiedClass = context.akCertificate.class;
    const found = { digest, akName, certifiedClass, against: context };
    const marked = { ...parsed, [verified]: true as const, ...found };
    const evidence: VerifiedEvidence = Object.freeze(marked);
    made.add(evidence);
    return { ok: true, evidence };
  } catch (error) {
    const actual = error instanceof Error ? error.name : 'unknown';
    return {
      ok: false,
      findings: [finding('APPRAISAL_ERROR', { subject: 'verification', actual })],
    };
  }
}

/** @throws TypeError for evidence that no call of `verifyEvidence` gave. */
export function requireVerified(evidence: VerifiedEvidence): void {
  if (!made.has(evidence)) throw new TypeError('evidence that was not verified');
}
