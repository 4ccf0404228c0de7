import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeTpmtSignature, parseTpmtSignature } from '@touchstone/tpm';
import { corpusIt } from '../../test/support/corpus.ts';
import { tpmtSignature } from './arbitraries.ts';
import { corpusBytes, hex, isReadToItsEnd, quotesWith, throwsCode, unhex } from './corpus.ts';

describe('TPMT_SIGNATURE', () => {
  corpusIt('is read from every signature of the corpus and written back to the same bytes', () => {
    const schemes = quotesWith('sig.bin').map((name) => {
      const bytes = corpusBytes(`quotes/${name}/sig.bin`);
      const signature = parseTpmtSignature(bytes);
      assert.equal(hex(encodeTpmtSignature(signature)), hex(bytes), name);
      return signature.sigAlg;
    });
    assert.deepEqual([...new Set(schemes)].toSorted(), ['ecdsa', 'rsassa']);
  });

  it('round-trips whatever it can hold', () => {
    fc.assert(
      fc.property(tpmtSignature, (signature) => {
        assert.deepEqual(parseTpmtSignature(encodeTpmtSignature(signature)), signature);
      }),
    );
  });

  corpusIt('is refused truncated at any offset or with a byte more', () => {
    isReadToItsEnd(parseTpmtSignature, corpusBytes('quotes/aws-nitrotpm-sha256/sig.bin'));
    isReadToItsEnd(parseTpmtSignature, corpusBytes('quotes/immune-r340/sig.bin'));
  });

  const refusals = [
    { given: 'TPM_ALG_NULL', bytes: '0010', code: 'UNSUPPORTED_ALGORITHM' },
    { given: 'TPM_ALG_HMAC', bytes: '0005000b', code: 'UNSUPPORTED_ALGORITHM' },
    { given: 'TPM_ALG_ECDAA', bytes: '001a000b', code: 'UNSUPPORTED_ALGORITHM' },
    { given: 'an unknown scheme', bytes: '1234000b', code: 'UNKNOWN_ALGORITHM' },
    { given: 'an unknown hash', bytes: '00181234', code: 'UNKNOWN_ALGORITHM' },
    { given: 'no r', bytes: '0018000b0000000101', code: 'BAD_SIZE' },
    { given: 'no s', bytes: '0018000b0001010000', code: 'BAD_SIZE' },
    { given: 'an r past P-521', bytes: `0018000b0043${'01'.repeat(67)}`, code: 'BAD_SIZE' },
    { given: 'a sig past RSA-4096', bytes: `0014000b0201${'01'.repeat(513)}`, code: 'BAD_SIZE' },
    { given: 'r longer than the rest', bytes: '0018000bffff01', code: 'TRUNCATED' },
  ];
  for (const { given, bytes, code } of refusals) {
    it(`is refused with ${given}: ${code}`, () => {
      throwsCode(() => parseTpmtSignature(unhex(bytes)), code);
    });
  }
});
