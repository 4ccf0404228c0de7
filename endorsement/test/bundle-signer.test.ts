import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  bundleSignerExtensions,
  type EncodedExtension,
  encodeCertificate,
  encodeName,
  encodeTbsCertificate,
  issuerCertificateExtensions,
  keyIdOf,
  verifyBundleSigner,
} from '@touchstone/endorsement';

const NOW = new Date('2030-05-01T12:00:00Z');
const DAY_MS = 86_400_000;
const inDays = (days: number) => new Date(NOW.getTime() + days * DAY_MS);
const NAME = encodeName({ commonName: 'root' });

const makeKey = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return { spki, privateKey, keyId: keyIdOf(spki) };
};
const root = makeKey();
const bundleKey = makeKey();

type Made = {
  readonly spki: Uint8Array;
  readonly extensions: readonly EncodedExtension[];
  readonly days?: readonly [from: number, to: number];
};
const issue = ({ spki, extensions, days: [from, to] = [-1, 1] }: Made, by: KeyObject) => {
  const tbs = encodeTbsCertificate({
    ...{ serial: Uint8Array.of(7), signatureAlgorithm: 'ecdsa-sha256', issuer: NAME },
    ...{ subject: NAME, spki, notBefore: inDays(from), notAfter: inDays(to), extensions },
  });
  return encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, by));
};
const rootWith = (more: Partial<Made> = {}) =>
  issue(
    { spki: root.spki, extensions: issuerCertificateExtensions({ spki: root.spki }), ...more },
    root.privateKey,
  );
const own = bundleSignerExtensions({ spki: bundleKey.spki, issuerKeyId: root.keyId });
const signerWith = (extensions = own) =>
  issue({ spki: bundleKey.spki, extensions }, root.privateKey);
/** With one extension in place of the one that it has. */
const changed = (oid: string, hex: string) =>
  own.map((one) => (one.oid === oid ? { ...one, value: Buffer.from(hex, 'hex') } : one));

describe('An anchor’s word for a bundle key', () => {
  const verify = (certificate: Uint8Array, anchor = rootWith(), after?: Date) =>
    verifyBundleSigner({ certificate, anchors: [anchor], now: NOW, after });

  it('is taken from an anchor that is a CA and has not ended', () => {
    assert.deepEqual(Buffer.from(verify(signerWith())), bundleKey.spki);
    for (const days of [
      [-3, -2],
      [2, 3],
    ] as const) {
      assert.throws(() => verify(signerWith(), rootWith({ days })), /no anchor/u);
    }
    const asRoot = bundleSignerExtensions({ spki: root.spki, issuerKeyId: root.keyId });
    assert.throws(() => verify(signerWith(), rootWith({ extensions: asRoot })), /no anchor/u);
  });

  it('is for signing bundles, and for nothing else', () => {
    // keyCertSign beside digitalSignature; a CA; what nobody here has looked at.
    assert.throws(() => verify(signerWith(changed('2.5.29.15', '03020284'))), /key usage/u);
    assert.throws(() => verify(signerWith(changed('2.5.29.19', '30030101ff'))), /a CA/u);
    const unknown = { oid: '1.2.3.4', critical: true, value: Uint8Array.of(5, 0) };
    assert.throws(() => verify(signerWith([...own, unknown])), /1\.2\.3\.4/u);
  });

  it('is not taken twice: only a later one follows another', () => {
    verify(signerWith(), rootWith(), inDays(-1.5));
    for (const after of [inDays(-1), NOW, new Date(Number.NaN)]) {
      assert.throws(() => verify(signerWith(), rootWith(), after), /not later/u);
    }
  });
});
