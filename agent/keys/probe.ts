import {
  createCipheriv,
  createHash,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
  sign,
} from 'node:crypto';
import type { ReleaseKey, SigningJwk } from '@touchstone/schemas';
import {
  encodeTpmlPcrSelection,
  encodeTpmtSignature,
  externalKeyP256,
  hash,
  nameOf,
  noPolicy,
  parseTpm2bPublic,
  policyPcr,
  policySigned,
  policySignedMessage,
  sealForImport,
} from '@touchstone/tpm';
import { type Tpm, TpmError } from 'node-tpm2-tss-bindings';
import { agentError } from '../codes.ts';
import type { BindingRecord } from '../state/identity.ts';
import type { Attester } from '../tpm/attester.ts';
import { openDiskKey } from './open-disk-key.ts';
import { openReleaseSession } from './release-session.ts';
import { unsealRelease } from './unseal-release.ts';

const KID = 'probe';
const EXPIRATION_SECONDS = 60;
/** It is Secure Boot's, and holds still while a host enrols. */
const PCRS = { sha256: [7] };

/**
 * Whether this TPM can be given keys of sealed disks: the whole way of one, with keys that are thrown away. Not every
 * TPM has TPM2_PolicySigned and TPM2_LoadExternal.
 * @throws AppError SEALED_DISKS_UNSUPPORTED; TpmError where it did not answer
 */
export async function probeSealedDisks(
  attester: Pick<Attester, 'use' | 'useWithRoom'>,
  binding: BindingRecord,
): Promise<void> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const session = await openReleaseSession(attester);
  const [releaseKey, diskKey] = [randomBytes(32), randomBytes(32)];
  try {
    const by = { privateKey, releaseKey, nonce: session.nonce };
    const made = await attester.use((tpm) => madeHere(tpm, binding, by));
    const bundle = { keys: [{ use: 'release' as const, jwk: jwkOf(privateKey) }] };
    const { release, digest } = made;
    const unsealed = await unsealRelease(attester, {
      ...{ session, binding, release, bundle, digestInPermit: digest },
    });
    const sealed = sealedBy(releaseKey, diskKey, release.permitId);
    const opened = openDiskKey(unsealed, sealed, release.permitId);
    const same = opened.equals(diskKey);
    for (const secret of [unsealed, opened]) secret.fill(0);
    if (!same) throw agentError('SEALED_DISKS_UNSUPPORTED', { detail: 'another key came out' });
  } catch (cause) {
    if (cause instanceof TpmError && cause.code !== 'TPM_RC') throw cause;
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw agentError('SEALED_DISKS_UNSUPPORTED', { detail, cause });
  } finally {
    for (const secret of [releaseKey, diskKey]) secret.fill(0);
    await session.close();
  }
}

/** As the server makes one. */
async function madeHere(
  tpm: Tpm,
  binding: BindingRecord,
  by: { readonly privateKey: KeyObject; readonly releaseKey: Buffer; readonly nonce: Buffer },
): Promise<{ release: ReleaseKey; digest: string }> {
  const storageKey = parseTpm2bPublic(Buffer.from(binding.public, 'base64url'));
  if (storageKey.type !== 'ecc') throw new RangeError('the binding key is no ECC key');
  const permitId = randomUUID();
  const policyRef = hash('sha256', Buffer.from(permitId, 'utf8'));
  const selection = [{ bank: 'sha256', pcrs: PCRS.sha256 }] as const;
  const read = await tpm.pcrRead(encodeTpmlPcrSelection(selection));
  const values = new Map(read.map(({ pcr, digest }) => [pcr, digest]));
  const keyName = nameOf(externalKeyP256(pointOf(by.privateKey)));
  const inThisState = policyPcr('sha256', noPolicy('sha256'), {
    ...{ selection, values: new Map([['sha256', values]]) },
  });
  const blob = sealForImport({
    ...{ storageKey, data: by.releaseKey, obfuscation: randomBytes(32) },
    authPolicy: policySigned('sha256', inThisState, { keyName, policyRef }),
  });
  const message = policySignedMessage({
    ...{ nonceTpm: by.nonce, expiration: EXPIRATION_SECONDS, policyRef },
  });
  const digest = createHash('sha256').update(blob.public).update(blob.duplicate).update(blob.seed);
  const signed = sign('sha256', message, { key: by.privateKey, dsaEncoding: 'ieee-p1363' });
  const [r, s] = [signed.subarray(0, 32), signed.subarray(32)];
  const signature = encodeTpmtSignature({ sigAlg: 'ecdsa', hash: 'sha256', r, s });
  return {
    digest: digest.digest('hex'),
    release: {
      ...{ permitId, kid: KID, pcrs: PCRS, expiration: EXPIRATION_SECONDS },
      ...{ public: base64Url(blob.public), duplicate: base64Url(blob.duplicate) },
      ...{ seed: base64Url(blob.seed), signature: base64Url(signature) },
    },
  };
}

function sealedBy(releaseKey: Buffer, diskKey: Buffer, permitId: string) {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', releaseKey, nonce);
  cipher.setAAD(Buffer.from(`touchstone/disk-key/1\0${permitId}\0${KID}`, 'utf8'));
  const sealed = [nonce, cipher.update(diskKey), cipher.final(), cipher.getAuthTag()];
  return { disk: KID, sealed: base64Url(Buffer.concat(sealed)) };
}

function jwkOf(privateKey: KeyObject): SigningJwk {
  const { x = '', y = '' } = privateKey.export({ format: 'jwk' });
  return { kty: 'EC', crv: 'P-256', x, y, kid: KID, alg: 'ES256', use: 'sig' };
}

function pointOf(privateKey: KeyObject) {
  const { x, y } = jwkOf(privateKey);
  return { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
}

const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
