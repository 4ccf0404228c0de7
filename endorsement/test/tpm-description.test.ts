import assert from 'node:assert/strict';
import {
  akCertificateExtensions,
  parseAkCertificate,
  TOUCHSTONE_OID,
  type TpmDescription,
  WEAK_EK_ROCA,
} from '@touchstone/endorsement';
import { contextPrimitive, DER } from '../der-reader.ts';
import { derOf, encodeText } from '../der-writer.ts';
import { makeAk, makeAkCertificate, makeIssuer } from './ak-fixtures.ts';
import { throwsCode } from './support.ts';

const issuer = makeIssuer('issuer');
const ak = makeAk();
const { claims } = makeAkCertificate(issuer, ak);

const withTpm = (tpm: TpmDescription) =>
  makeAkCertificate(issuer, ak, { extensions: akCertificateExtensions({ ...claims, tpm }) }).der;

const withValue = (value: Uint8Array, critical = false) =>
  makeAkCertificate(issuer, ak, {
    extensions: [
      ...akCertificateExtensions(claims),
      { oid: TOUCHSTONE_OID.tpmDescription, critical, value },
    ],
  }).der;

describe('what an AK certificate says of its TPM', () => {
  const descriptions: readonly TpmDescription[] = [
    { maker: 'INTC', weaknesses: [] },
    { weaknesses: [WEAK_EK_ROCA] },
    { pinned: true, weaknesses: [] },
    { maker: 'STM', pinned: true, weaknesses: [WEAK_EK_ROCA] },
    { maker: 'id:00001014', weaknesses: [WEAK_EK_ROCA, 'another-one'] },
  ];
  for (const tpm of descriptions) {
    it(`is read as it was written: ${JSON.stringify(tpm)}`, () => {
      assert.deepEqual(parseAkCertificate(withTpm(tpm)).tpm, tpm);
    });
  }

  it('is absent in a certificate of before it was said', () => {
    assert.equal(parseAkCertificate(makeAkCertificate(issuer, ak).der).tpm, undefined);
  });

  it('is never written in a form that nobody would read', () => {
    for (const tpm of [
      { maker: '', weaknesses: [] },
      { maker: 'A\nB', weaknesses: [] },
      { maker: 'x'.repeat(17), weaknesses: [] },
      { weaknesses: ['ROCA'] },
      { weaknesses: Array<string>(17).fill('x') },
    ]) {
      assert.throws(() => withTpm(tpm), RangeError, JSON.stringify(tpm));
    }
  });

  const maker = (text: string) => encodeText(contextPrimitive(0), text);
  const words = (...some: string[]) =>
    derOf(DER.sequence, ...some.map((word) => encodeText(DER.ia5String, word)));
  for (const [why, value, code] of [
    ['without weaknesses', derOf(DER.sequence, maker('INTC')), 'TRUNCATED'],
    ['with a maker of control characters', derOf(DER.sequence, maker('\u001b'), words()), ''],
    ['with an empty maker', derOf(DER.sequence, maker(''), words()), ''],
    ['with a weakness that is no name', derOf(DER.sequence, words('A B')), ''],
    ['with more than anybody knows', derOf(DER.sequence, words(...Array(17).fill('x'))), ''],
    ['with more after it', derOf(DER.sequence, words(), words()), 'TRAILING_BYTES'],
    [
      'with a pin that is not TRUE',
      derOf(DER.sequence, derOf(contextPrimitive(1), Uint8Array.of(0)), words()),
      '',
    ],
    [
      'with a pin before the maker',
      derOf(DER.sequence, derOf(contextPrimitive(1), Uint8Array.of(0xff)), maker('STM'), words()),
      'BAD_DER',
    ],
  ] as const) {
    it(`is refused ${why}: ${code || 'AK_CERT_PROFILE'}`, () => {
      throwsCode(() => parseAkCertificate(withValue(value)), code || 'AK_CERT_PROFILE');
    });
  }

  it('is refused where it is critical: AK_CERT_PROFILE', () => {
    const value = derOf(DER.sequence, words());
    throwsCode(() => parseAkCertificate(withValue(value, true)), 'AK_CERT_PROFILE');
  });
});
