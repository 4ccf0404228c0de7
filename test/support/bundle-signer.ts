import {
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto';
import {
  bundleSignerExtensions,
  encodeCertificate,
  encodeName,
  encodeTbsCertificate,
  issuerCertificateExtensions,
  keyIdOf,
  TOUCHSTONE_OID,
} from '@touchstone/endorsement';
import type { SigningJwk } from '@touchstone/schemas';

const DAY_MS = 86_400_000;
const NAME = encodeName({ commonName: 'Touchstone root of a test' });

export type MadeRoot = { readonly key: KeyObject; readonly keyId: string; readonly pem: string };

/** An anchor as a CA has it; all of them have one name. */
export function madeRoot(now: Date): MadeRoot {
  const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const der = certificate(key, {
    ...{ subject: NAME, spki, notBefore: new Date(+now - DAY_MS) },
    notAfter: new Date(+now + 365 * DAY_MS),
    extensions: issuerCertificateExtensions({ spki }),
  });
  return { key, keyId: keyIdOf(spki), pem: new X509Certificate(der).toString() };
}

/** DER; with other dates or another use, as somebody might make it. */
export function bundleKeyCertificate(
  { kty, crv, x, y }: SigningJwk,
  made: {
    readonly root?: MadeRoot;
    readonly now?: Date;
    readonly notBefore?: Date;
    readonly notAfter?: Date;
    readonly usage?: string;
  },
): Buffer {
  const { root = madeRoot(new Date()), now = new Date(), usage } = made;
  const key = createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' });
  const spki = key.export({ format: 'der', type: 'spki' });
  const der = Buffer.from(
    certificate(root.key, {
      ...{ subject: encodeName({ commonName: 'bundle key' }), spki },
      notBefore: made.notBefore ?? new Date(+now - DAY_MS / 2),
      notAfter: made.notAfter ?? new Date(+now + 30 * DAY_MS),
      extensions: bundleSignerExtensions({ spki, issuerKeyId: root.keyId }).map((extension) =>
        extension.oid === '2.5.29.37' && usage !== undefined
          ? { ...extension, value: usageOf(usage) }
          : extension,
      ),
    }),
  );
  return der;
}

/** Two that are ours to give, and any. */
function usageOf(oid: string): Uint8Array {
  const known: Readonly<Record<string, string>> = {
    '2.23.133.8.3': '3007060567810508' + '03',
    '2.5.29.37.0': '30060604551d2500',
    [TOUCHSTONE_OID.bundleSigner]: '',
  };
  return Buffer.from(known[oid] ?? '', 'hex');
}

function certificate(
  key: KeyObject,
  fields: Omit<
    Parameters<typeof encodeTbsCertificate>[0],
    'serial' | 'signatureAlgorithm' | 'issuer'
  >,
): Uint8Array {
  const signatureAlgorithm = 'ecdsa-sha256';
  const serial = Uint8Array.of(0x41, ...fields.spki.slice(-8));
  const tbs = encodeTbsCertificate({ ...fields, serial, signatureAlgorithm, issuer: NAME });
  return encodeCertificate(tbs, signatureAlgorithm, sign('sha256', tbs, key));
}
