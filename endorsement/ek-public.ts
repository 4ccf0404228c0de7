import { EK_TEMPLATES, ParseError, publicKeyOf, type TpmtPublic } from '@touchstone/tpm';
import type { EkCertificate } from './ek-certificate.ts';
import type { Problem } from './problem.ts';
import * as difference from './template-comparison.ts';

const MIN_RSA_BITS = 2048;

/**
 * Whether a public area is the EK that the certificate is for, or, without one, whether it can be an EK. No problem
 * means that
 *
 * - its key is the certificate's, where there is one;
 * - all else is one of the templates to the bit, and a point has its full width. A host that could vary
 *   it would have many EK Names, hence many identities, for one TPM. (The two templates of RSA-2048, and of
 *   P-256, differ in nothing that credential activation proves: a host that passes one for the other gets a
 *   Qualified Name that its quotes do not have.)
 */
export function checkEkPublic(
  ekPublic: TpmtPublic,
  certificate: EkCertificate | undefined,
): Problem[] {
  return [
    ...weaknesses(ekPublic),
    ...difference.againstNearest(EK_TEMPLATES, (template) => [
      ...difference.algorithmDifferences('EK_ALGORITHM', template, ekPublic),
      ...difference.attributeDifferences('EK_ATTRIBUTES', template, ekPublic),
      ...difference.policyDifferences('EK_ATTRIBUTES', template, ekPublic),
    ]),
    ...widthProblems(ekPublic),
    ...keyProblems(ekPublic, certificate),
  ];
}

function weaknesses(ek: TpmtPublic): Problem[] {
  if (ek.type !== 'rsa' || ek.parameters.keyBits >= MIN_RSA_BITS) return [];
  const [expected, actual] = [`${MIN_RSA_BITS}`, `${ek.parameters.keyBits}`];
  return [{ code: 'EK_WEAK', subject: 'keyBits', expected, actual }];
}

/** TPM 2.0 Part 1, C.8: coordinates are padded; the same point unpadded would have another Name. */
function widthProblems(ek: TpmtPublic): Problem[] {
  if (ek.type !== 'ecc') return [];
  const size = WIDTHS[ek.parameters.curve];
  const widths = [ek.unique.x.length, ek.unique.y.length];
  if (widths.every((width) => width === size)) return [];
  const expected = `coordinates of ${size} bytes`;
  return [{ code: 'EK_ALGORITHM', subject: 'unique', expected, actual: widths.join(' and ') }];
}

const WIDTHS = { nist_p256: 32, nist_p384: 48, nist_p521: 66 } as const;

function keyProblems(ek: TpmtPublic, certificate: EkCertificate | undefined): Problem[] {
  const problem = { code: 'EK_CERT_MISMATCH', subject: 'unique' } as const;
  try {
    const key = publicKeyOf(ek);
    return certificate === undefined || key.equals(certificate.publicKey) ? [] : [problem];
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return [{ ...problem, actual: error.code }];
  }
}
