import {
  EvidenceError,
  finding,
  type ParsedEvidence,
  parseEvidence,
  REASONS,
  type VerificationContext,
  type VerifiedEvidence,
  verifyEvidence,
} from '@touchstone/appraisal';
import type { Evidence, Finding } from '@touchstone/schemas';
import { encodeTpm2bPublic } from '@touchstone/tpm';
import { AppError } from '@touchstone/transport';
import { refusal } from '../codes.ts';
import type { StoredEvidence } from '../store/evidence.ts';

/** Purposes of evidence that this server takes: `prove` is for whoever asked the host. */
export type EvidencePurpose = 'attest' | 'permit' | 'enrol';

/**
 * Reads evidence that was sent for one purpose.
 * @throws AppError 422 with the code of what could not be read, or WRONG_PURPOSE.
 */
export function readEvidence(evidence: Evidence, purpose: EvidencePurpose): ParsedEvidence {
  const parsed = parsedOrRefused(evidence);
  const actual = parsed.statement.purpose;
  if (actual !== purpose) {
    throw rejection([
      finding('WRONG_PURPOSE', { subject: 'statement.purpose', expected: purpose, actual }),
    ]);
  }
  return parsed;
}

function parsedOrRefused(evidence: Evidence): ParsedEvidence {
  try {
    return parseEvidence(evidence);
  } catch (cause) {
    if (!(cause instanceof EvidenceError)) throw cause;
    const { code, field, message: detail } = cause;
    throw new AppError(code, 422, { ...reasonOf(code), field, detail, cause });
  }
}

/** @throws AppError 422 with every finding: nothing that the evidence says has happened. */
export function authenticEvidence(
  parsed: ParsedEvidence,
  context: VerificationContext,
): VerifiedEvidence {
  const verification = verifyEvidence(parsed, context);
  if (verification.ok) return verification.evidence;
  throw rejection(verification.findings);
}

/** As it is stored: with what it was verified against, and not with what that has become since. */
export function storableEvidence(
  { digest, against }: VerifiedEvidence,
  evidence: Evidence,
): StoredEvidence {
  const { purpose, selection, akPublic, akCertificate, now: receivedAt } = against;
  if (purpose === 'prove') throw new TypeError('evidence for somebody else');
  return {
    ...{ digest, purpose, evidence, selection, receivedAt },
    akPublic: encodeTpm2bPublic(akPublic),
    akCertificate: akCertificate.der,
  };
}

function rejection(findings: readonly Finding[]): AppError {
  const [first] = findings;
  if (first === undefined) return refusal('EVIDENCE_REJECTED');
  return new AppError(first.code, 422, { ...reasonOf(first.code), findings });
}

function reasonOf(code: string): { title: string; remedy: string } | object {
  const reason = Object.hasOwn(REASONS, code) ? REASONS[code as keyof typeof REASONS] : undefined;
  return reason === undefined ? {} : { title: reason.title, remedy: reason.remedy };
}
