import {
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type EncodedExtension,
  encodeCertificate,
  encodeName,
  encodeTbsCertificate,
  issuerCertificateExtensions,
  keyIdOf,
  parseCertificate,
} from '@touchstone/endorsement';
import { CaBundle } from '@touchstone/schemas';
import { pinnedClient, spkiPinOf } from '@touchstone/transport';

const DAY_MS = 86_400_000;

/** Whoever certifies AKs, with its key in our hands. */
export type Authority = {
  /** DER of its Name. */
  readonly name: Uint8Array;
  readonly keyId: string;
  readonly key: KeyObject;
  /** DER. */
  readonly certificate: Uint8Array;
  /** A revocation list that is out. */
  readonly crlUrl?: string;
};

/** A deployment's own CA, from its directory: what it certifies, the server believes. */
export async function authorityOf(caDirectory: string): Promise<Authority> {
  const read = (name: string) => readFile(join(caDirectory, name), 'utf8');
  const { publicUrl: url } = JSON.parse(await read('config.json')) as { publicUrl: string };
  const client = pinnedClient({ url, pin: spkiPinOf(await read('tls-cert.pem')) });
  const { issuers } = await client
    .request({ method: 'GET', path: '/v1/bundle', schema: CaBundle })
    .finally(() => client.close());
  const certificate = parseCertificate(new X509Certificate(issuers[0]?.certificate ?? '').raw);
  const filed = await read('state/keys/issuing/first+issuing.key.pem');
  const keyId = keyIdOf(certificate.spki);
  return {
    name: certificate.subject.encoded,
    keyId,
    crlUrl: `${url}/v1/crls/${keyId}/1`,
    key: createPrivateKey({
      key: filed.slice(filed.indexOf('-----BEGIN ENC')),
      passphrase: await read('key-passphrase'),
    }),
    certificate: certificate.der,
  };
}

/** One of its own, for what needs no deployment. */
export function newAuthority(now: Date): Authority {
  const { publicKey, privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const name = encodeName({ commonName: 'bench CA' });
  const unsigned = { name, keyId: keyIdOf(spki), key };
  const extensions = issuerCertificateExtensions({ spki });
  return { ...unsigned, certificate: issue(unsigned, { subject: name, spki, extensions, now }) };
}

/** An X.509 certificate of a day before and a day after. */
export function issue(
  { name, key }: Pick<Authority, 'name' | 'key'>,
  {
    now,
    ...claims
  }: {
    readonly subject: Uint8Array;
    readonly spki: Uint8Array;
    readonly extensions: readonly EncodedExtension[];
    readonly now: Date;
  },
): Uint8Array {
  const tbs = encodeTbsCertificate({
    ...claims,
    serial: Uint8Array.of(0x42),
    signatureAlgorithm: 'ecdsa-sha256',
    issuer: name,
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(now.getTime() + DAY_MS),
  });
  return encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, key));
}
