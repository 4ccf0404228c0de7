import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type EncodedExtension,
  encodeName,
  issuerCertificateExtensions,
  keyIdOf,
  parseCertificate,
} from '@touchstone/endorsement';
import { CustodyError } from './custody-error.ts';
import { createKeyFile, type Curve, type CustodyKey, loadKeyFile } from './key-custody.ts';
import { pemOf } from './pem.ts';
import { signCertificate } from './sign-certificate.ts';
import { createStateFile, readStateFile, stateFileExists } from './state-file.ts';

const DAY_MS = 86_400_000;
const ROOT_DAYS = 3_652;
const ISSUING_DAYS = 730;
/** Clocks of those who verify may be behind. */
const BACKDATED_MS = 300_000;
const EKREF_SECRET_BYTES = 32;

/** A certificate of the CA's own, with the key identifier by which lists name it. */
export type AuthorityCertificate = {
  readonly der: Uint8Array;
  readonly pem: string;
  readonly keyId: string;
  /** DER of the Name, as it stands there. */
  readonly subject: Uint8Array;
  readonly notAfter: Date;
};

/** What is needed to issue. The root's key is not among it: serving never touches that. */
export type Authority = {
  readonly anchor: AuthorityCertificate;
  readonly issuing: AuthorityCertificate;
  readonly issuingKey: CustodyKey;
  readonly ekRefSecret: Uint8Array;
};

/**
 * Makes what is not there yet: the ekRef secret, a root (the anchor), and the issuing CA that the root
 * signs. Interrupted, it goes on where it stopped. Throws CustodyError STATE_INCOMPLETE if something is
 * gone that a later file was made from: a new one in its place would be another CA under the old name.
 */
export async function createAuthority(stateDir: string, now: Date): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const paths = pathsIn(stateDir);
  const order = Object.values(paths);
  const there = await Promise.all(order.map(stateFileExists));
  const gap = order.find((_, index) => !there[index] && there.slice(index + 1).includes(true));
  if (gap !== undefined) throw new CustodyError('STATE_INCOMPLETE', gap);

  const unlessThere = async (path: string, create: () => Promise<void>) => {
    if (!(await stateFileExists(path))) await create();
  };
  const key = (path: string, curve: Curve) => unlessThere(path, () => createKeyFile(path, curve));
  await unlessThere(paths.ekRefSecret, () =>
    createStateFile(paths.ekRefSecret, randomBytes(EKREF_SECRET_BYTES)),
  );
  await key(paths.rootKey, 'secp384r1');
  await unlessThere(paths.rootCertificate, () => createRootCertificate(paths, now));
  await key(paths.issuingKey, 'prime256v1');
  await unlessThere(paths.issuingCertificate, () => createIssuingCertificate(paths, now));
}

/** Throws CustodyError unless everything is there, closed to others, and belongs together. */
export async function loadAuthority(stateDir: string): Promise<Authority> {
  const paths = pathsIn(stateDir);
  const ekRefSecret = await readStateFile(paths.ekRefSecret);
  if (ekRefSecret.length !== EKREF_SECRET_BYTES) {
    throw new CustodyError('KEY_FILE_MALFORMED', paths.ekRefSecret);
  }
  const root = await loadCertificate(paths.rootCertificate);
  const issuing = await loadCertificate(paths.issuingCertificate);
  const issuingKey = await loadKeyFile(paths.issuingKey);
  const belongTogether =
    issuing.x509.checkIssued(root.x509) &&
    issuing.x509.verify(root.x509.publicKey) &&
    issuing.keyId === keyIdOf(issuingKey.spki);
  if (!belongTogether) throw new CustodyError('KEY_FILE_MALFORMED', paths.issuingCertificate);
  return { anchor: root.certificate, issuing: issuing.certificate, issuingKey, ekRefSecret };
}

/** In the order in which they are made. */
const pathsIn = (stateDir: string) => ({
  ekRefSecret: join(stateDir, 'ekref.secret'),
  rootKey: join(stateDir, 'root.key.pem'),
  rootCertificate: join(stateDir, 'root.cert.pem'),
  issuingKey: join(stateDir, 'issuing.key.pem'),
  issuingCertificate: join(stateDir, 'issuing.cert.pem'),
});

type Paths = ReturnType<typeof pathsIn>;

async function createRootCertificate(paths: Paths, now: Date): Promise<void> {
  const key = await loadKeyFile(paths.rootKey);
  const name = nameFor('Touchstone root', key.spki);
  const { der } = await signCertificate(
    {
      ...{ subject: name, issuer: name, spki: key.spki },
      ...validFrom(now, ROOT_DAYS),
      extensions: issuerCertificateExtensions({ spki: key.spki }).map(withPathLenOne),
    },
    key,
  );
  await createStateFile(paths.rootCertificate, pemOf(der));
}

async function createIssuingCertificate(paths: Paths, now: Date): Promise<void> {
  const rootKey = await loadKeyFile(paths.rootKey);
  const root = await loadCertificate(paths.rootCertificate);
  const { spki } = await loadKeyFile(paths.issuingKey);
  const { der } = await signCertificate(
    {
      subject: nameFor('Touchstone issuing CA', spki),
      issuer: root.certificate.subject,
      spki,
      ...validFrom(now, ISSUING_DAYS),
      extensions: issuerCertificateExtensions({ spki, issuerKeyId: root.keyId }),
    },
    rootKey,
  );
  await createStateFile(paths.issuingCertificate, pemOf(der));
}

const BASIC_CONSTRAINTS = '2.5.29.19';

/** CA:TRUE, pathLenConstraint 1: below the root there is the issuing CA and nothing further. */
function withPathLenOne(extension: EncodedExtension): EncodedExtension {
  if (extension.oid !== BASIC_CONSTRAINTS) return extension;
  return { ...extension, value: Uint8Array.from(Buffer.from('30060101ff020101', 'hex')) };
}

/** With the start of the key identifier, so that two deployments' CAs are told apart. */
const nameFor = (role: string, spki: Uint8Array) =>
  encodeName({
    organizationName: 'Touchstone',
    commonName: `${role} ${keyIdOf(spki).slice(0, 8)}`,
  });

const validFrom = (now: Date, days: number) => ({
  notBefore: new Date(now.getTime() - BACKDATED_MS),
  notAfter: new Date(now.getTime() + days * DAY_MS),
});

async function loadCertificate(path: string) {
  const bytes = await readStateFile(path);
  try {
    const x509 = new X509Certificate(bytes);
    const { subject, notAfter, spki } = parseCertificate(x509.raw);
    const keyId = keyIdOf(spki);
    const certificate: AuthorityCertificate = {
      ...{ der: x509.raw, pem: pemOf(x509.raw), keyId },
      ...{ subject: subject.encoded, notAfter },
    };
    return { certificate, keyId, x509 };
  } catch (cause) {
    throw new CustodyError('KEY_FILE_MALFORMED', path, cause);
  }
}
