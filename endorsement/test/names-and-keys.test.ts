import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { parseEkCertificate, validatePath } from '@touchstone/endorsement';
import { DER } from '../der-reader.ts';
import { derOf, encodeOid, encodeText } from '../der-writer.ts';
import { makeCertificate, NOW } from './made-certificate.ts';
import { throwsCode } from './support.ts';

const attribute = (oid: string, value: string) =>
  derOf(DER.sequence, encodeOid(oid), encodeText(DER.utf8String, value));
const rdn = (...attributes: Uint8Array[]) => derOf(DER.set, ...attributes);
const read = (...rdns: Uint8Array[]) =>
  parseEkCertificate(makeCertificate('x', { subject: derOf(DER.sequence, ...rdns) }).der);

const CN = '2.5.4.3';
const O = '2.5.4.10';

describe('a name, written as RFC 4514 has it,', () => {
  it('begins with the last RDN', () => {
    assert.equal(read(rdn(attribute(O, 'a')), rdn(attribute(CN, 'b'))).subject, 'CN=b,O=a');
  });

  it('has object identifiers where there is no short name', () => {
    assert.equal(read(rdn(attribute('2.5.4.5', '7'))).subject, '2.5.4.5=7');
  });

  for (const [given, written] of [
    ['a,b', 'a\\,b'],
    ['a, O=b', 'a\\, O=b'],
    ['a+b;c<d>"e"\\', 'a\\+b\\;c\\<d\\>\\"e\\"\\\\'],
    [' a ', '\\ a\\ '],
    [' ', '\\ '],
    ['#a#', '\\#a#'],
    ['a\u0000\u001b[2J\u202eb', 'a\\00\\1b[2J\\e2\\80\\aeb'],
  ] as const) {
    it(`escapes ${JSON.stringify(given)}`, () => {
      assert.equal(read(rdn(attribute(CN, given))).subject, `CN=${written}`);
    });
  }

  it('may have an RDN out of order, which is noted and compares as the same name', () => {
    const [c, o] = [attribute(CN, 'a'), attribute(O, 'b')];
    assert.deepEqual(
      [read(rdn(c, o)), read(rdn(o, c))].map(({ quirks }) => quirks.includes('unordered-name')),
      [false, true],
    );
  });
});

describe('the key of a certificate', () => {
  const kindOf = (keys: ReturnType<typeof keyPair>) =>
    parseEkCertificate(makeCertificate('x', { keys, signer: makeCertificate('y') }).der).keyKind;
  const keyPair = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });

  for (const [curve, kind] of [
    ['P-256', 'ECC P-256'],
    ['P-384', 'ECC P-384'],
    ['P-521', 'ECC P-521'],
    ['brainpoolP384r1', 'ECC brainpoolP384r1'],
    ['SM2', 'ECC SM2'],
  ] as const) {
    it(`may be ${kind}`, () => assert.equal(kindOf(keyPair(curve)), kind));
  }

  it('may be RSA of any size, and a short one is noted', () => {
    const keys = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const signer = makeCertificate('y');
    const certificate = parseEkCertificate(makeCertificate('x', { keys, signer }).der);
    assert.equal(certificate.keyKind, 'RSA-1024');
    assert.ok(certificate.quirks.includes('short-key'));
  });

  it('is no key for anything else than RSA and ECC: KEY_UNSUPPORTED', () => {
    const keys = generateKeyPairSync('ed25519');
    const { der } = makeCertificate('x', { keys, signer: makeCertificate('y') });
    throwsCode(() => parseEkCertificate(der), 'KEY_UNSUPPORTED');
  });

  it('on the curve of SM2 vouches for nothing: CERT_SIGNATURE_INVALID', () => {
    const issuer = makeCertificate('sm2', { keys: keyPair('SM2'), signer: makeCertificate('y') });
    const leaf = makeCertificate('leaf', { issuer, signer: makeCertificate('y'), extensions: [] });
    const input = { leaf: leaf.der, intermediates: [], roots: [issuer.der], now: NOW } as const;
    const verdict = validatePath({ ...input, kind: 'ek' });
    assert.ok(!verdict.ok);
    assert.deepEqual(
      verdict.findings.map(({ code }) => code),
      ['CERT_SIGNATURE_INVALID'],
    );
  });
});
