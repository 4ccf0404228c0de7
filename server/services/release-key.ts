import { createCipheriv, type KeyObject, sign } from 'node:crypto';
import { pcrSelectionOf } from '@touchstone/appraisal';
import type { DiskName, ReleaseKey, SealedDiskKey, Selection } from '@touchstone/schemas';
import {
  encodeTpmtSignature,
  externalKeyP256,
  hash,
  hashHex,
  nameOf,
  noPolicy,
  parseTpm2bPublic,
  type PcrValues,
  policyPcr,
  policySigned,
  policySignedMessage,
  sealForImport,
} from '@touchstone/tpm';

/** The TPM takes it so long after the session that asked began, by its own clock. */
const EXPIRATION_SECONDS = 60;

export type ReleaseInput = {
  /** TPM2B_PUBLIC, as it was certified when the host enrolled. */
  readonly bindingPublic: Uint8Array;
  /** Which PCRs have to be as they are; none may be missing in `attested`. */
  readonly pcrs: Selection;
  /** The values that were quoted. */
  readonly attested: PcrValues;
  /** P-256. */
  readonly signer: { readonly kid: string; readonly privateKey: KeyObject };
  /** nonceTPM of the session in which it is to be unsealed. */
  readonly sessionNonce: Uint8Array;
  readonly permitId: string;
  /** The release key: 32 random bytes, for this answer alone. The caller overwrites it. */
  readonly releaseKey: Uint8Array;
  /** 32 more, for nothing else. */
  readonly obfuscation: Uint8Array;
};

/**
 * A release key for one TPM, in the state that it showed, in the session that it opened, once, for a minute: DESIGN 4,
 * Start a VM, 5. `digest` is what the permits name (`touchstone.release`).
 * @throws ParseError for a binding key that is none, or a PCR that was not quoted; RangeError for no PCRs or no nonce
 */
export function sealReleaseKey(input: ReleaseInput): {
  readonly release: ReleaseKey;
  readonly digest: string;
} {
  const { signer, permitId, pcrs } = input;
  const storageKey = parseTpm2bPublic(input.bindingPublic);
  if (storageKey.type !== 'ecc') throw new RangeError('the binding key is no ECC key');
  const policyRef = hash('sha256', Buffer.from(permitId, 'utf8'));
  const inThisState = policyPcr('sha256', noPolicy('sha256'), {
    selection: pcrSelectionOf(pcrs),
    values: input.attested,
  });
  const keyName = nameOf(externalKeyP256(pointOf(signer.privateKey)));
  const blob = sealForImport({
    ...{ storageKey, data: input.releaseKey, obfuscation: input.obfuscation },
    authPolicy: policySigned('sha256', inThisState, { keyName, policyRef }),
  });
  const message = policySignedMessage({
    ...{ nonceTpm: input.sessionNonce, expiration: EXPIRATION_SECONDS, policyRef },
  });
  return {
    release: {
      permitId,
      kid: signer.kid,
      public: base64Url(blob.public),
      duplicate: base64Url(blob.duplicate),
      seed: base64Url(blob.seed),
      pcrs,
      expiration: EXPIRATION_SECONDS,
      signature: base64Url(tpmSignature(message, signer.privateKey)),
    },
    digest: hashHex('sha256', blob.public, blob.duplicate, blob.seed),
  };
}

/** `nonce`: 12 random bytes, for this key alone. */
export function sealDiskKey(
  releaseKey: Uint8Array,
  diskKey: Uint8Array,
  to: { readonly permitId: string; readonly disk: DiskName },
  nonce: Uint8Array,
): SealedDiskKey {
  if (nonce.length !== 12) throw new RangeError('length of nonce');
  const cipher = createCipheriv('aes-256-gcm', releaseKey, nonce);
  cipher.setAAD(Buffer.from(`touchstone/disk-key/1\0${to.permitId}\0${to.disk}`, 'utf8'));
  const sealed = [nonce, cipher.update(diskKey), cipher.final(), cipher.getAuthTag()];
  return { disk: to.disk, sealed: base64Url(Buffer.concat(sealed)) };
}

function tpmSignature(message: Uint8Array, key: KeyObject): Uint8Array {
  const signature = sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' });
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)];
  return encodeTpmtSignature({ sigAlg: 'ecdsa', hash: 'sha256', r, s });
}

function pointOf(privateKey: KeyObject): { x: Uint8Array; y: Uint8Array } {
  const { x, y, crv } = privateKey.export({ format: 'jwk' });
  if (crv !== 'P-256' || x === undefined || y === undefined) throw new RangeError('no P-256 key');
  return { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
}

const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
