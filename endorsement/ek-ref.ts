import { createHmac } from 'node:crypto';
import {
  hierarchyName,
  qualifiedNameOf,
  TPM_RH_ENDORSEMENT,
  type TpmtPublic,
} from '@touchstone/tpm';

const LABEL = Buffer.from('touchstone/ekref/1\0', 'utf8');
const MIN_SECRET_BYTES = 32;

/**
 * The pseudonym of a TPM in one deployment: HMAC-SHA-256(secret, "touchstone/ekref/1" NUL EK Name). Stable
 * for one EK under one secret; without the secret nobody can tell which TPM it is. Throws RangeError for
 * a secret under 32 bytes.
 */
export function ekRefOf(secret: Uint8Array, ekName: Uint8Array): Uint8Array {
  if (secret.length < MIN_SECRET_BYTES) throw new RangeError('ekRef secret too short');
  return Uint8Array.from(createHmac('sha256', secret).update(LABEL).update(ekName).digest());
}

/**
 * The Qualified Name of an AK that is a child of the EK, itself a primary of the endorsement hierarchy:
 * TPM 2.0 Part 1, 26.5. What TPMS_ATTEST.qualifiedSigner has to be.
 */
export function akQualifiedNameOf(ekPublic: TpmtPublic, akPublic: TpmtPublic): Uint8Array {
  const ekQualifiedName = qualifiedNameOf(hierarchyName(TPM_RH_ENDORSEMENT), ekPublic);
  return qualifiedNameOf(ekQualifiedName, akPublic);
}
