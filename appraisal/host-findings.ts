import { revocationWarnings } from '@touchstone/endorsement';
import type { Finding } from '@touchstone/schemas';
import type { AppraisalContext } from './appraisal-context.ts';
import { emptyBankFindings } from './bank-findings.ts';
import { finding, findingOfProblem } from './finding.ts';
import type { VerifiedEvidence } from './verify-evidence.ts';

/** What is to be said of the host before its log is opened. */
export function hostFindings(evidence: VerifiedEvidence, context: AppraisalContext): Finding[] {
  const { statement, attest, certifiedClass } = evidence;
  const findings: Finding[] = [];
  if (certifiedClass !== context.class) {
    const details = { subject: 'class', expected: certifiedClass, actual: context.class };
    findings.push(finding('CLASS_MISMATCH', details));
  }
  if (statement.hostId !== null && statement.hostId !== context.hostId) {
    const details = { expected: context.hostId, actual: statement.hostId };
    findings.push(finding('HOST_ID_MISMATCH', { subject: 'statement.hostId', ...details }));
  }
  if (!attest.clockInfo.safe) {
    const details = { subject: 'quote.attest.clockInfo.safe', effect: 'observe' } as const;
    findings.push(finding('CLOCK_NOT_SAFE', details));
  }
  findings.push(...emptyBankFindings(evidence), ...listFindings(evidence));
  return findings;
}

/** Believed by a revocation list that is overdue: it is said for as long as that list still counts. */
function listFindings({ against }: VerifiedEvidence): Finding[] {
  const { akCertificate, revocation, now } = against;
  if (revocation === undefined) return [];
  const warnings = revocationWarnings(akCertificate, revocation, now);
  return warnings.map((problem) => findingOfProblem(problem, 'warn'));
}
