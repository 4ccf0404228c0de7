import { type KeyObject, sign } from 'node:crypto';
import {
  encodeCertificate,
  encodeName,
  encodeTbsCertificate,
  issuerCertificateExtensions,
  keyIdOf,
} from '@touchstone/endorsement';

/** A certificate of a key on P-256 that signs files, and the keyid that its signatures name. */
export function imaCertificate(
  publicKey: KeyObject,
  privateKey: KeyObject,
  commonName: string,
): { readonly der: Uint8Array; readonly keyId: Uint8Array } {
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const name = encodeName({ commonName });
  const tbs = encodeTbsCertificate({
    ...{ serial: Uint8Array.of(7), signatureAlgorithm: 'ecdsa-sha256' as const },
    ...{ issuer: name, subject: name, spki },
    notBefore: new Date('2026-01-01T00:00:00Z'),
    notAfter: new Date('2036-01-01T00:00:00Z'),
    extensions: issuerCertificateExtensions({ spki }),
  });
  const der = encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, privateKey));
  return { der, keyId: Buffer.from(keyIdOf(spki), 'hex').subarray(-4) };
}

export const derPem = (der: Uint8Array): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
