import {
  AK_TEMPLATE_ECC_P256,
  AK_TEMPLATE_RSA2048,
  TPMA_OBJECT,
  type TpmtPublic,
} from '@touchstone/tpm';
import type { Problem } from './problem.ts';
import * as difference from './template-comparison.ts';

const TEMPLATES = { ecc: AK_TEMPLATE_ECC_P256, rsa: AK_TEMPLATE_RSA2048 } as const;
const WEAK_HASHES: readonly string[] = ['sha1'];

/** Public areas in which no problem was seen: one is asked about with every evidence of its host. */
const sound = new WeakSet<TpmtPublic>();

/**
 * Whether a public area is an attestation key that we take. No problem means that
 *
 * - it is restricted: it signs structures that the TPM made (TPM_GENERATED) and digests of nothing else
 *   that could pass for one;
 * - it was made in one TPM and cannot leave it (fixedTPM, fixedParent, sensitiveDataOrigin);
 * - it signs and does not decrypt, needs its own auth, and no dictionary attack lockout stops it;
 * - it is ECDSA P-256 or RSASSA 2048, with SHA-256, and its point is on the curve or its modulus whole.
 *
 * Whether such a key is in the TPM of the host is for credential activation to prove. A public area is not to
 * be changed in place: that there was no problem is kept as long as it lives.
 */
export function checkAkPublic(akPublic: TpmtPublic): Problem[] {
  if (sound.has(akPublic)) return [];
  const problems = problemsOf(akPublic);
  if (problems.length === 0) sound.add(akPublic);
  return problems;
}

function problemsOf(akPublic: TpmtPublic): Problem[] {
  const template = TEMPLATES[akPublic.type];
  const { restricted } = TPMA_OBJECT;
  return [
    ...difference.attributeDifferences('AK_NOT_RESTRICTED', template, akPublic, restricted),
    ...difference.attributeDifferences('AK_ATTRIBUTES', template, akPublic, ~restricted),
    ...difference.policyDifferences('AK_ATTRIBUTES', template, akPublic),
    ...weaknesses(akPublic),
    ...difference.algorithmDifferences('AK_ALGORITHM', template, akPublic),
    ...difference.keyProblems('AK_ALGORITHM', akPublic),
  ];
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
