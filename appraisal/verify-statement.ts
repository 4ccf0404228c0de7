import type { Finding } from '@touchstone/schemas';
import { bytesOfBase64Url, equalBytes, hexOf } from './bytes.ts';
import { finding } from './finding.ts';
import type { ParsedEvidence } from './parse-evidence.ts';
import { qualifyingDataOf } from './qualifying-data.ts';
import type { VerificationContext } from './verification-context.ts';

/**
 * What was said, and to whom. No finding means that the statement was made for this purpose, by this host,
 * in answer to this challenge, and that the quote's extraData covers its bytes as they were received.
 */
export function verifyStatement(parsed: ParsedEvidence, context: VerificationContext): Finding[] {
  const { statement, statementBytes, attest } = parsed;
  const { purpose, challenge, hostId, bundleEpochMin = 0 } = context;
  const findings = purposeFindings(parsed, context);
  if (statement.hostId !== hostId) {
    const details = { expected: hostId ?? 'none', actual: statement.hostId ?? 'none' };
    findings.push(finding('HOST_ID_MISMATCH', { subject: 'statement.hostId', ...details }));
  }
  const stated = bytesOfBase64Url(statement.challenge);
  if (stated === undefined || !equalBytes(stated, challenge)) {
    findings.push(finding('QUOTE_NONCE_MISMATCH', { subject: 'statement.challenge' }));
  }
  const expected = qualifyingDataOf(purpose, challenge, statementBytes);
  if (!equalBytes(attest.extraData, expected)) {
    const details = { expected: hexOf(expected), actual: hexOf(attest.extraData) };
    const subject = 'quote.attest.extraData';
    findings.push(finding('QUOTE_NONCE_MISMATCH', { subject, ...details }));
  }
  if (statement.bundleEpoch < bundleEpochMin) {
    const details = { expected: `${bundleEpochMin}`, actual: `${statement.bundleEpoch}` };
    findings.push(finding('BUNDLE_EPOCH_OLD', { subject: 'statement.bundleEpoch', ...details }));
  }
  return findings;
}

/** `prove` answers somebody else's nonce and is evidence for nobody here, whatever is asked for. */
function purposeFindings(
  { statement }: ParsedEvidence,
  { purpose }: VerificationContext,
): Finding[] {
  const findings: Finding[] = [];
  const wrong = (subject: string, expected: string, actual: string) =>
    findings.push(finding('WRONG_PURPOSE', { subject, expected, actual }));
  if (purpose === 'prove' || statement.purpose !== purpose) {
    wrong('statement.purpose', purpose === 'prove' ? 'none' : purpose, statement.purpose);
  }
  if (statement.nonce !== undefined) wrong('statement.nonce', 'absent', 'present');
  if ((statement.permits !== undefined) !== (purpose === 'permit')) {
    const [expected, actual] =
      purpose === 'permit' ? (['present', 'absent'] as const) : (['absent', 'present'] as const);
    wrong('statement.permits', expected, actual);
  }
  return findings;
}
