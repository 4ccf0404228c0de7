import {
  EK_TEMPLATE_ECC_P256,
  EK_TEMPLATE_ECC_P384,
  EK_TEMPLATE_RSA2048,
  ParseError,
  publicKeyOf,
  type TpmtPublic,
} from '@touchstone/tpm';
import type { EkCertificate } from './ek-certificate.ts';
import type { Problem } from './problem.ts';
import * as difference from './template-comparison.ts';

/** L-1, L-2 and H-3: TCG EK Credential Profile 2.5, annex B. */
const TEMPLATES = [EK_TEMPLATE_RSA2048, EK_TEMPLATE_ECC_P256, EK_TEMPLATE_ECC_P384] as const;
const MIN_RSA_BITS = 2048;

/**
 * Whether a public area is the EK that the certificate is for. No problem means that
 *
 * - its key is the certificate's;
 * - all else is one of the templates to the bit, and a point has its full width. A host that could vary
 *   it would have many EK Names, hence many identities, for one TPM.
 */
export function checkEkPublic(ekPublic: TpmtPublic, certificate: EkCertificate): Problem[] {
  return [
    ...weaknesses(ekPublic),
    ...difference.againstNearest(TEMPLATES, (template) => [
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

function keyProblems(ek: TpmtPublic, certificate: EkCertificate): Problem[] {
  const problem = { code: 'EK_CERT_MISMATCH', subject: 'unique' } as const;
  try {
    return publicKeyOf(ek).equals(certificate.publicKey) ? [] : [problem];
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return [{ ...problem, actual: error.code }];
  }
}
