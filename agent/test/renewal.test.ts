import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { encodeCertificate, encodeName, encodeTbsCertificate } from '@touchstone/endorsement';
import { renewalTime } from '../renewal-time.ts';

const DAY_MS = 86_400_000;
const ISSUED = Date.parse('2026-11-01T00:00:00Z');

describe('A certificate of seven days', () => {
  const pem = certificateOf(ISSUED, ISSUED + 7 * DAY_MS);

  it('is renewed between a third and a half of its life', () => {
    assert.equal(renewalTime(pem, 0).getTime(), ISSUED + (7 * DAY_MS) / 3);
    const latest = renewalTime(pem, 0.999_999).getTime();
    assert.ok(latest > ISSUED + 3.499 * DAY_MS && latest < ISSUED + 3.5 * DAY_MS);
  });

  it('is renewed at a point of its own in that span', () => {
    const middle = renewalTime(pem, 0.5).getTime();
    assert.equal(middle, ISSUED + (7 * DAY_MS * 5) / 12);
  });
});

function certificateOf(notBefore: number, notAfter: number): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = encodeName({ commonName: 'ak' });
  const tbs = encodeTbsCertificate({
    ...{
      serial: Uint8Array.of(1),
      signatureAlgorithm: 'ecdsa-sha256',
      subject: name,
      issuer: name,
    },
    ...{ notBefore: new Date(notBefore), notAfter: new Date(notAfter), extensions: [] },
    spki: publicKey.export({ type: 'spki', format: 'der' }),
  });
  const der = encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, privateKey));
  return new X509Certificate(der).toString();
}
