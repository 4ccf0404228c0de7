import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import {
  AK_TEMPLATE_ECC_P256,
  EK_TEMPLATE_RSA2048,
  encodeTpm2bPublic,
  encodeTpmtPublic,
  ParseError,
  parseTpm2bPublic,
  parseTpmtPublic,
  publicKeyOf,
  TPMA_OBJECT,
} from '@touchstone/tpm';
import { corpusIt, describeCorpus } from '../../test/support/corpus.ts';
import { tpmtPublic } from './arbitraries.ts';
import { corpusBytes, hex, isReadToItsEnd, patched, quotesWith, throwsCode } from './corpus.ts';

const eccBytes = encodeTpmtPublic(AK_TEMPLATE_ECC_P256);
const u16 = (value: number) => Uint8Array.of(value >> 8, value & 0xff);

describeCorpus('TPMT_PUBLIC', () => {
  const ekBytes = corpusBytes('cred/hirs/ek.pub');

  it('is read from a real endorsement key and written back to the same bytes', () => {
    const ek = parseTpmtPublic(ekBytes);
    assert.deepEqual({ ...ek, unique: EK_TEMPLATE_RSA2048.unique }, EK_TEMPLATE_RSA2048);
    assert.equal(hex(encodeTpmtPublic(ek)), hex(ekBytes));
  });

  it('is read from every attestation key of the corpus and written back to the same bytes', () => {
    for (const name of quotesWith('ak.tpmt_public')) {
      const bytes = corpusBytes(`quotes/${name}/ak.tpmt_public`);
      const ak = parseTpmtPublic(bytes);
      assert.equal(hex(encodeTpmtPublic(ak)), hex(bytes), name);
      assert.equal(ak.objectAttributes & TPMA_OBJECT.restricted, TPMA_OBJECT.restricted, name);
    }
  });

  it('round-trips whatever it can hold', () => {
    fc.assert(
      fc.property(tpmtPublic, (pub) => {
        assert.deepEqual(parseTpmtPublic(encodeTpmtPublic(pub)), pub);
        assert.deepEqual(parseTpm2bPublic(encodeTpm2bPublic(pub)), pub);
      }),
    );
  });

  it('is never read from other bytes than it would be written to, nor fails but with ParseError', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(ekBytes, eccBytes),
        fc.nat(60),
        fc.nat(255),
        (bytes, offset, value) => {
          const mutated = patched(bytes, offset % bytes.length, Uint8Array.of(value));
          try {
            assert.equal(hex(encodeTpmtPublic(parseTpmtPublic(mutated))), hex(mutated));
          } catch (error) {
            assert.ok(error instanceof ParseError, String(error));
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('is refused truncated at any offset or with a byte more', () => {
    isReadToItsEnd(parseTpmtPublic, ekBytes);
    isReadToItsEnd(parseTpmtPublic, eccBytes);
    isReadToItsEnd(parseTpm2bPublic, encodeTpm2bPublic(EK_TEMPLATE_RSA2048));
  });

  const refusals = [
    { given: 'a keyed hash', bytes: patched(ekBytes, 0, u16(8)), code: 'UNSUPPORTED_ALGORITHM' },
    {
      given: 'a symmetric cipher',
      bytes: patched(ekBytes, 0, u16(0x25)),
      code: 'UNSUPPORTED_ALGORITHM',
    },
    {
      given: 'an unknown type',
      bytes: patched(ekBytes, 0, u16(0x7777)),
      code: 'UNKNOWN_ALGORITHM',
    },
    { given: 'no nameAlg', bytes: patched(ekBytes, 2, u16(0x10)), code: 'UNKNOWN_ALGORITHM' },
    {
      given: 'a reserved attribute',
      bytes: patched(ekBytes, 4, u16(0x8003)),
      code: 'RESERVED_BITS',
    },
    { given: 'a policy of no digest', bytes: patched(ekBytes, 8, u16(31)), code: 'BAD_SIZE' },
    { given: 'AES-64', bytes: patched(ekBytes, 44, u16(64)), code: 'BAD_KEY_BITS' },
    { given: 'AES in CBC', bytes: patched(ekBytes, 46, u16(0x42)), code: 'UNSUPPORTED_ALGORITHM' },
    { given: 'RSA-2047', bytes: patched(ekBytes, 50, u16(2047)), code: 'BAD_KEY_BITS' },
    { given: 'a modulus too long', bytes: patched(ekBytes, 50, u16(1024)), code: 'BAD_SIZE' },
    { given: 'ECDAA', bytes: patched(eccBytes, 12, u16(0x1a)), code: 'UNSUPPORTED_ALGORITHM' },
    { given: 'curve BN_P256', bytes: patched(eccBytes, 16, u16(0x10)), code: 'UNSUPPORTED_CURVE' },
  ];
  for (const { given, bytes, code } of refusals) {
    it(`is refused with ${given}: ${code}`, () => throwsCode(() => parseTpmtPublic(bytes), code));
  }

  it('names the type that it refuses', () => {
    assert.throws(() => parseTpmtPublic(patched(ekBytes, 0, u16(8))), /TPM_ALG_KEYEDHASH/);
  });
});

describe('publicKeyOf', () => {
  corpusIt('gives the key whose modulus is in the public area', () => {
    const bytes = corpusBytes('quotes/aws-nitrotpm-sha256/ak.tpmt_public');
    const pub = parseTpmtPublic(bytes);
    assert.ok(pub.type === 'rsa');
    const { n, e } = publicKeyOf(pub).export({ format: 'jwk' });
    assert.equal(n, Buffer.from(pub.unique).toString('base64url'));
    assert.equal(e, 'AQAB');
    assert.ok(createPublicKey(publicKeyOf(pub).export({ format: 'pem', type: 'spki' })));
  });

  it('refuses templates, which hold no key', () => {
    throwsCode(() => publicKeyOf(EK_TEMPLATE_RSA2048), 'BAD_MODULUS');
    throwsCode(() => publicKeyOf(AK_TEMPLATE_ECC_P256), 'POINT_NOT_ON_CURVE');
  });

  corpusIt('refuses a modulus shorter than keyBits, an even one, and another exponent', () => {
    const ek = parseTpmtPublic(corpusBytes('cred/hirs/ek.pub'));
    assert.ok(ek.type === 'rsa');
    const short = patched(ek.unique, 0, Uint8Array.of(0x7f));
    const even = patched(ek.unique, 255, Uint8Array.of(2));
    const parameters = { ...ek.parameters, exponent: 3 };
    throwsCode(() => publicKeyOf({ ...ek, unique: short }), 'BAD_MODULUS');
    throwsCode(() => publicKeyOf({ ...ek, unique: even }), 'BAD_MODULUS');
    throwsCode(() => publicKeyOf({ ...ek, parameters }), 'UNSUPPORTED_EXPONENT');
  });
});
