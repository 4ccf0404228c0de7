import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { CertificateSignatureAlgorithm } from '@touchstone/endorsement';
import { CustodyError } from './custody-error.ts';
import { createStateFile, readStateFile } from './state-file.ts';

const signAsync = promisify<string, Uint8Array, { key: KeyObject; dsaEncoding: 'der' }, Buffer>(
  sign,
);

/** The two curves that certificates are signed with; each with the hash of its own strength. */
const CURVES = {
  prime256v1: { signatureAlgorithm: 'ecdsa-sha256', hash: 'sha256' },
  secp384r1: { signatureAlgorithm: 'ecdsa-sha384', hash: 'sha384' },
} as const;

export type Curve = keyof typeof CURVES;

/** A signing key in somebody's custody: here, a file. The private part never leaves this object. */
export type CustodyKey = {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly signatureAlgorithm: CertificateSignatureAlgorithm;
  /** DER of r and s. */
  sign(message: Uint8Array): Promise<Uint8Array>;
};

/** A new key as PKCS#8 PEM, 0600, in a file that was not there. */
export async function createKeyFile(path: string, curve: Curve): Promise<void> {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: curve,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  await createStateFile(path, privateKey);
}

/** Throws CustodyError: STATE_INCOMPLETE, KEY_FILE_MODE, KEY_FILE_MALFORMED. */
export async function loadKeyFile(path: string): Promise<CustodyKey> {
  const pem = await readStateFile(path);
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new CustodyError('KEY_FILE_MALFORMED', path, cause);
  } finally {
    pem.fill(0);
  }
  const curve = key.asymmetricKeyDetails?.namedCurve ?? '';
  if (!isCurve(curve)) throw new CustodyError('KEY_FILE_MALFORMED', path);
  const { signatureAlgorithm, hash } = CURVES[curve];
  return {
    spki: createPublicKey(key).export({ type: 'spki', format: 'der' }),
    signatureAlgorithm,
    sign: (message) => signAsync(hash, message, { key, dsaEncoding: 'der' }),
  };
}

const isCurve = (name: string): name is Curve => Object.hasOwn(CURVES, name);
