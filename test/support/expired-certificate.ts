import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { encodeCertificate, encodeName, encodeTbsCertificate } from '@touchstone/endorsement';

/** What matters to the agent is when it ended. */
export function expiredCertificate(): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = encodeName({ commonName: 'of last month' });
  const day = 86_400_000;
  const tbs = encodeTbsCertificate({
    ...{
      serial: Uint8Array.of(1),
      signatureAlgorithm: 'ecdsa-sha256',
      subject: name,
      issuer: name,
    },
    notBefore: new Date(Date.now() - 30 * day),
    notAfter: new Date(Date.now() - 23 * day),
    spki: publicKey.export({ type: 'spki', format: 'der' }),
    extensions: [],
  });
  const der = encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, privateKey));
  return new X509Certificate(der).toString();
}
