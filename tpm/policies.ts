import { hash, hashOfBank, type StrongHash } from './hash.ts';
import { pcrDigest, type PcrValues } from './pcr-digest.ts';
import { encodeTpmlPcrSelection, type PcrSelection } from './pcr-selection.ts';
import { Writer } from './writer.ts';

/** TPM_CC: Part 2, 6.5.2. */
const TPM_CC_POLICY_SIGNED = 0x0160;
const TPM_CC_POLICY_PCR = 0x017f;

/** What a policy session has at its start: Part 1, 19.7. */
export const noPolicy = (hashAlg: StrongHash): Uint8Array =>
  new Uint8Array(hashOfBank(hashAlg).size);

/**
 * The policy digest after TPM2_PolicyPCR: Part 3, 23.7. `values` are those that the PCRs have to have, and the digest
 * over them is made here, in the selection's order and with the policy's hash: a quote's is of another.
 * Throws pcrDigest's ParseErrors; a selection of nothing is a RangeError, since it would be met by every state.
 */
export function policyPcr(
  hashAlg: StrongHash,
  before: Uint8Array,
  { selection, values }: { readonly selection: PcrSelection; readonly values: PcrValues },
): Uint8Array {
  if (selection.every(({ pcrs }) => pcrs.length === 0)) throw new RangeError('no PCR is selected');
  const command = new Writer().u32(TPM_CC_POLICY_PCR).bytes(encodeTpmlPcrSelection(selection));
  return hash(hashAlg, before, command.finish(), pcrDigest(selection, values, hashAlg));
}

/** The policy digest after TPM2_PolicySigned by the key of that Name: Part 3, 23.3 and PolicyUpdate, 23.2.3. */
export function policySigned(
  hashAlg: StrongHash,
  before: Uint8Array,
  { keyName, policyRef }: { readonly keyName: Uint8Array; readonly policyRef: Uint8Array },
): Uint8Array {
  const command = new Writer().u32(TPM_CC_POLICY_SIGNED).finish();
  return hash(hashAlg, hash(hashAlg, before, command, keyName), policyRef);
}

/**
 * What the key signs for TPM2_PolicySigned, before it is hashed: nonceTPM, expiration (seconds, an INT32; not negative:
 * that would ask for a ticket, which another session could use), no cpHashA, policyRef. Part 3, 23.3.
 */
export function policySignedMessage(input: {
  readonly nonceTpm: Uint8Array;
  readonly expiration: number;
  readonly policyRef: Uint8Array;
}): Uint8Array {
  if (input.nonceTpm.length === 0) throw new RangeError('any session would do');
  if (input.expiration < 1 || input.expiration > 0x7fff_ffff) throw new RangeError('expiration');
  const expiration = new Writer().u32(input.expiration).finish();
  return new Writer().bytes(input.nonceTpm).bytes(expiration).bytes(input.policyRef).finish();
}
