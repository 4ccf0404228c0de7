import { createHash } from 'node:crypto';
import { pcrSelectionOf } from '@touchstone/appraisal';
import type { ReleaseKey, SigningJwk, TrustBundle } from '@touchstone/schemas';
import { encodeTpm2bPublic, encodeTpmlPcrSelection, externalKeyP256, hash } from '@touchstone/tpm';
import { type Tpm, TpmError, type TpmObject } from 'node-tpm2-tss-bindings';
import { agentError } from '../codes.ts';
import type { BindingRecord } from '../state/identity.ts';
import { withSaltedSession } from '../tpm/attestation-key.ts';
import { loadBindingKey } from '../tpm/binding-key.ts';
import type { Attester } from '../tpm/attester.ts';
import type { EndorsementKey } from '../tpm/endorsement-key.ts';
import type { ReleaseSession } from './release-session.ts';

const RELEASE_KEY_BYTES = 32;

/** At TPM2_Unseal. TPM_RC_PCR_CHANGED: after PolicyPCR. TPM_RC_POLICY_FAIL: between the quote and it. */
const PCRS_CHANGED = new Set(['TPM_RC_PCR_CHANGED', 'TPM_RC_POLICY_FAIL']);

export type UnsealInput = {
  readonly session: ReleaseSession;
  readonly binding: BindingRecord;
  readonly release: ReleaseKey;
  /** `touchstone.release` of the permits that came with it, which were verified. */
  readonly digestInPermit: string;
  readonly bundle: Pick<TrustBundle, 'keys'>;
};

/**
 * The release key, 32 bytes, which the caller overwrites. It comes out only where
 *
 * - the blob is the one that the permits name, and so the server made it for this answer (G22);
 * - a release key of the trust bundle signed for this very session and for so short a time;
 * - the PCRs are those that were attested: the TPM says so, and the rest too, at TPM2_Unseal.
 *
 * @throws AppError RELEASE_UNEXPECTED, RELEASE_REFUSED, and RELEASE_PCRS_CHANGED: start over with fresh evidence
 */
export async function unsealRelease(
  attester: Pick<Attester, 'useWithRoom'>,
  input: UnsealInput,
): Promise<Buffer> {
  const blob = blobOf(input.release);
  const digest = createHash('sha256').update(blob.public).update(blob.duplicate).update(blob.seed);
  if (digest.digest('hex') !== input.digestInPermit) {
    throw agentError('RELEASE_UNEXPECTED', { detail: 'the permit names another release key' });
  }
  const signer = signerOf(input.bundle, input.release.kid);
  return attester.useWithRoom(async (tpm, ek) => {
    try {
      const object = await importRelease(tpm, ek, input.binding, blob);
      try {
        await meetPolicy(tpm, input, signer);
        return whole(await tpm.unseal({ object, session: input.session.session }));
      } finally {
        await tpm.flush(object).catch(() => undefined);
      }
    } catch (cause) {
      if (!(cause instanceof TpmError) || cause.code !== 'TPM_RC') throw cause;
      const changed = cause.command === 'TPM2_Unseal' && PCRS_CHANGED.has(cause.rcName);
      const code = changed ? 'RELEASE_PCRS_CHANGED' : 'RELEASE_REFUSED';
      throw agentError(code, { detail: cause.message, cause });
    }
  });
}

/** PolicyPCR as late as can be: whatever is extended after it ends it, release PCR or not. */
async function meetPolicy(
  tpm: Tpm,
  { session: { session, nonce: nonceTpm }, release }: UnsealInput,
  signer: SigningJwk,
): Promise<void> {
  const key = await tpm.loadExternal(encodeTpm2bPublic(externalKeyP256(pointOf(signer))));
  try {
    await tpm.policyPcr(session, encodeTpmlPcrSelection(pcrSelectionOf(release.pcrs)));
    await tpm.policySigned({
      ...{ session, key, nonceTpm, expiration: release.expiration },
      policyRef: hash('sha256', Buffer.from(release.permitId, 'utf8')),
      signature: bytesOf(release.signature),
    });
  } finally {
    await tpm.flush(key).catch(() => undefined);
  }
}

/** The object, loaded below the binding key, which leaves the TPM again. */
async function importRelease(
  tpm: Tpm,
  ek: EndorsementKey,
  binding: BindingRecord,
  blob: ReturnType<typeof blobOf>,
): Promise<TpmObject> {
  const parent = await loadBindingKey(tpm, ek, binding);
  try {
    return await withSaltedSession(tpm, ek, async (parentSession) => {
      const imported = await tpm.import({ parent, parentSession, ...blob });
      return tpm.load({ parent, parentSession, private: imported, public: blob.public });
    });
  } finally {
    await tpm.flush(parent).catch(() => undefined);
  }
}

const blobOf = (release: ReleaseKey) => ({
  public: bytesOf(release.public),
  duplicate: bytesOf(release.duplicate),
  seed: bytesOf(release.seed),
});

function signerOf({ keys }: Pick<TrustBundle, 'keys'>, kid: string): SigningJwk {
  const found = keys.filter(({ use, jwk }) => use === 'release' && jwk.kid === kid);
  const [key] = found;
  if (key !== undefined && found.length === 1) return key.jwk;
  throw agentError('RELEASE_UNEXPECTED', { detail: 'no such release key in the trust bundle' });
}

const pointOf = ({ x, y }: SigningJwk) => ({ x: bytesOf(x), y: bytesOf(y) });

function whole(key: Buffer): Buffer {
  if (key.length === RELEASE_KEY_BYTES) return key;
  key.fill(0);
  throw agentError('RELEASE_UNEXPECTED', { detail: 'a release key of another length' });
}

const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64url');
