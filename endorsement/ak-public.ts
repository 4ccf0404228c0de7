import { isDeepStrictEqual } from 'node:util';
import {
  AK_TEMPLATE_ECC_P256,
  ParseError,
  publicKeyOf,
  TPMA_OBJECT,
  type TpmtPublic,
} from '@touchstone/tpm';
import { attributeNames } from './object-attributes.ts';
import type { Problem } from './problem.ts';

const TEMPLATE = AK_TEMPLATE_ECC_P256;
const WEAK_HASHES: readonly string[] = ['sha1'];

/**
 * Whether a public area is an attestation key that we take. No problem means that
 *
 * - it is restricted: it signs structures that the TPM made (TPM_GENERATED) and digests of nothing else
 *   that could pass for one;
 * - it was made in one TPM and cannot leave it (fixedTPM, fixedParent, sensitiveDataOrigin);
 * - it signs and does not decrypt, needs its own auth, and no dictionary attack lockout stops it;
 * - it is ECDSA P-256 with SHA-256, and its point is on the curve.
 *
 * Whether such a key is in the TPM of the host is for credential activation to prove.
 */
export function checkAkPublic(akPublic: TpmtPublic): Problem[] {
  return [...attributeProblems(akPublic), ...algorithmProblems(akPublic)];
}

function attributeProblems(ak: TpmtPublic): Problem[] {
  const problems: Problem[] = [];
  const expected = attributeNames(TEMPLATE.objectAttributes);
  const actual = attributeNames(ak.objectAttributes);
  const differing = ak.objectAttributes ^ TEMPLATE.objectAttributes;
  if ((differing & TPMA_OBJECT.restricted) !== 0) {
    problems.push({ code: 'AK_NOT_RESTRICTED', subject: 'objectAttributes', expected, actual });
  }
  if ((differing & ~TPMA_OBJECT.restricted) !== 0) {
    problems.push({ code: 'AK_ATTRIBUTES', subject: 'objectAttributes', expected, actual });
  }
  if (ak.authPolicy.length !== 0) {
    const policy = Buffer.from(ak.authPolicy).toString('hex');
    problems.push({ code: 'AK_ATTRIBUTES', subject: 'authPolicy', expected: '', actual: policy });
  }
  return problems;
}

function algorithmProblems(ak: TpmtPublic): Problem[] {
  const problems: Problem[] = weaknesses(ak);
  if (ak.type !== 'ecc') {
    problems.push({ code: 'AK_ALGORITHM', subject: 'type', expected: 'ecc', actual: ak.type });
    return problems;
  }
  const differ = (subject: string, expected: unknown, actual: unknown) => {
    if (isDeepStrictEqual(expected, actual)) return;
    const [wanted, got] = [JSON.stringify(expected), JSON.stringify(actual)];
    problems.push({ code: 'AK_ALGORITHM', subject, expected: wanted, actual: got });
  };
  differ('nameAlg', TEMPLATE.nameAlg, ak.nameAlg);
  differ('curve', TEMPLATE.parameters.curve, ak.parameters.curve);
  differ('scheme', TEMPLATE.parameters.scheme, ak.parameters.scheme);
  differ('kdf', TEMPLATE.parameters.kdf, ak.parameters.kdf);
  differ('symmetric', TEMPLATE.parameters.symmetric, ak.parameters.symmetric);
  try {
    publicKeyOf(ak);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    problems.push({ code: 'AK_ALGORITHM', subject: error.field, actual: error.code });
  }
  return problems;
}

function weaknesses(ak: TpmtPublic): Problem[] {
  const problems: Problem[] = [];
  if (ak.type === 'rsa' && ak.parameters.keyBits < 2048) {
    const actual = `${ak.parameters.keyBits}`;
    problems.push({ code: 'AK_WEAK', subject: 'keyBits', expected: '2048', actual });
  }
  const { scheme } = ak.parameters;
  if ('hash' in scheme && WEAK_HASHES.includes(scheme.hash)) {
    problems.push({ code: 'AK_WEAK', subject: 'scheme', expected: 'sha256', actual: scheme.hash });
  }
  if (WEAK_HASHES.includes(ak.nameAlg)) {
    problems.push({ code: 'AK_WEAK', subject: 'nameAlg', expected: 'sha256', actual: ak.nameAlg });
  }
  return problems;
}
