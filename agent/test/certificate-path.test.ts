import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import {
  type EncodedExtension,
  encodeCertificate,
  encodeName,
  encodeTbsCertificate,
  issuerCertificateExtensions,
  keyIdOf,
} from '@touchstone/endorsement';
import { attack } from '../../test/support/attack.ts';
import { requireVouched } from '../certificate-path.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.now();

type Ca = ReturnType<typeof makeCa>;
const makeCa = (commonName: string) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return { name: encodeName({ commonName }), spki, privateKey, keyId: keyIdOf(spki) };
};

let serials = 0;
function issue(subject: Ca, by: Ca, extensions: readonly EncodedExtension[] = caOf(subject, by)) {
  const tbs = encodeTbsCertificate({
    ...{ serial: Uint8Array.of((serials += 1)), signatureAlgorithm: 'ecdsa-sha256' },
    ...{ subject: subject.name, issuer: by.name, spki: subject.spki },
    notBefore: new Date(NOW_MS - DAY_MS),
    notAfter: new Date(NOW_MS + DAY_MS),
    extensions: extensions.map((extension) =>
      extension.oid === '2.5.29.19'
        ? { ...extension, value: Uint8Array.from(Buffer.from('30030101ff', 'hex')) }
        : extension,
    ),
  });
  const signature = sign('sha256', tbs, by.privateKey);
  const der = encodeCertificate(tbs, 'ecdsa-sha256', signature);
  return new X509Certificate(der).toString();
}
const caOf = ({ spki }: Ca, by: Ca) => issuerCertificateExtensions({ spki, issuerKeyId: by.keyId });

/** authorityKeyIdentifier by issuer and serial alone: RFC 5280, 4.2.1.1. */
function akiBySerial(issuerName: Uint8Array, serial: number): EncodedExtension {
  const tlv = (tag: number, value: Uint8Array) => Buffer.from([tag, value.length, ...value]);
  const names = tlv(0xa1, tlv(0xa4, issuerName));
  const value = tlv(0x30, Buffer.concat([names, tlv(0x82, Uint8Array.of(serial))]));
  return { oid: '2.5.29.35', critical: false, value };
}

describe('The path from a certificate to a held anchor', () => {
  const [old, next, issuing] = [makeCa('root'), makeCa('next root'), makeCa('issuing')];
  const [oldRoot, nextRoot] = [issue(old, old), issue(next, next)];
  const nextByOld = issue(next, old);
  const oldByNext = issue(old, next);
  const issuingByNext = issue(issuing, next);
  const ak = makeCa('ak');
  const leaf = issue(ak, issuing, []);
  const refused = (certificates: readonly string[], anchors: readonly string[]) =>
    assert.throws(() => requireVouched(certificates, anchors), { code: 'CERTIFICATE_UNTRUSTED' });

  it('is the one that there is', () => {
    requireVouched([leaf, issuingByNext], [nextRoot]);
    refused([leaf], [nextRoot]);
    refused([], [nextRoot]);
    refused([issuingByNext], [nextRoot]);
  });

  it('goes through no certificate that is not a CA’s: whoever holds one has signed the next', () => {
    const below = issue(makeCa('below'), ak, []);
    refused([below, leaf, issuingByNext], [nextRoot]);
    refused([below, leaf, issuingByNext], [leaf, nextRoot]);
  });

  it('goes by the new root’s certificate from the old one, where only that is held', () => {
    requireVouched([leaf, issuingByNext, nextByOld], [oldRoot]);
    requireVouched([leaf, nextByOld, issuingByNext], [oldRoot]);
    requireVouched([leaf, issuingByNext, nextByOld], [oldRoot, nextRoot]);
    requireVouched([leaf, issuingByNext, nextByOld], [nextRoot]);
  });

  it('is never one to another CA, whatever it is called: C2', () =>
    attack('C2', () => {
      const impostor = makeCa('root');
      const impostorRoot = issue(impostor, impostor);
      refused([leaf, issuingByNext], [oldRoot]);
      refused([leaf, issuingByNext, nextRoot], [oldRoot]);
      refused([leaf, issuingByNext, issue(next, impostor)], [oldRoot]);
      refused([leaf, issuingByNext, issue(next, impostor), impostorRoot], [oldRoot]);
      // Nor one by the key of a host, which is no CA.
      refused([issue(makeCa('other ak'), ak, []), leaf, issuingByNext], [nextRoot]);
      return { outcome: 'R', code: 'CERTIFICATE_UNTRUSTED' };
    }));

  it('is found among loops, two keys of one name, and an AKI by issuer and serial: C9', () =>
    attack('C9', () => {
      const loop = [leaf, issuingByNext, nextByOld, oldByNext];
      requireVouched(loop, [oldRoot]);
      requireVouched(loop, [nextRoot]);
      refused(loop, [issue(makeCa('other'), makeCa('other'))]);

      const twin = makeCa('next root');
      const twinByOld = issue(twin, old);
      requireVouched([leaf, issuingByNext, twinByOld, nextByOld], [oldRoot]);
      refused([leaf, issuingByNext, twinByOld], [oldRoot]);
      refused([leaf, issuingByNext, issue(twin, twin)], [issue(twin, twin)]);

      const named = makeCa('named');
      const serialOf = (pem: string) => parseInt(new X509Certificate(pem).serialNumber, 16);
      const extensionsWith = (aki: EncodedExtension) => [
        ...caOf(named, next).filter(({ oid }) => oid !== aki.oid),
        aki,
      ];
      const bySerial = issue(
        named,
        next,
        extensionsWith(akiBySerial(old.name, serialOf(nextByOld))),
      );
      const below = issue(ak, named, []);
      requireVouched([below, bySerial, nextByOld], [oldRoot]);
      refused([below, bySerial, nextByOld], [makeCaRoot('root')]);
      const elsewhere = issue(named, next, extensionsWith(akiBySerial(old.name, 255)));
      refused([below, elsewhere, nextByOld], [oldRoot]);
      return { outcome: 'R', code: 'CERTIFICATE_UNTRUSTED' };
    }));

  const makeCaRoot = (name: string) => {
    const ca = makeCa(name);
    return issue(ca, ca);
  };
});
