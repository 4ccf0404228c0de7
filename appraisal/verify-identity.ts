import { checkAkPublic, verifyAkCertificate } from '@touchstone/endorsement';
import type { Finding } from '@touchstone/schemas';
import { nameHexOf, verifyTpmSignature } from '@touchstone/tpm';
import { equalBytes, hexOf } from './bytes.ts';
import { finding, findingOfProblem } from './finding.ts';
import type { ParsedEvidence } from './parse-evidence.ts';
import type { VerificationContext } from './verification-context.ts';

/**
 * Who made the quote. No finding means that
 * - the statement names this AK, and the AK is restricted and tied to one TPM;
 * - an issuer that is believed certifies it now, and has not revoked that;
 * - it lies under the EK that the CA saw (qualifiedSigner);
 * - it signed these very bytes, with the scheme and hash of its own public area.
 */
export function verifyIdentity(parsed: ParsedEvidence, context: VerificationContext): Finding[] {
  const { statement, attest, attestBytes, signature } = parsed;
  const { akPublic, akCertificate: certificate, issuers, revocation, now } = context;
  const findings: Finding[] = [];
  const akName = nameHexOf(akPublic);
  if (statement.akName !== akName) {
    const subject = 'statement.akName';
    const details = { subject, expected: akName, actual: statement.akName };
    findings.push(finding('AK_NAME_MISMATCH', details));
  }
  findings.push(
    ...[
      ...checkAkPublic(akPublic),
      ...verifyAkCertificate({ certificate, akPublic, issuers, revocation, now }),
    ].map((problem) => findingOfProblem(problem)),
  );
  const verdict = verifyTpmSignature({ publicArea: akPublic, signature, message: attestBytes });
  if (!verdict.ok) findings.push(finding(verdict.code, { subject: 'quote.signature' }));
  if (!equalBytes(attest.qualifiedSigner, certificate.akQualifiedName)) {
    findings.push(
      finding('AK_NOT_CHILD_OF_EK', {
        subject: 'quote.attest.qualifiedSigner',
        expected: hexOf(certificate.akQualifiedName),
        actual: hexOf(attest.qualifiedSigner),
      }),
    );
  }
  return findings;
}
