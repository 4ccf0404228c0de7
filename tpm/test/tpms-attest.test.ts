import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ParseError, parseTpmsAttest } from '@touchstone/tpm';
import { describeCorpus } from '../../test/support/corpus.ts';
import {
  corpusBytes,
  corpusJson,
  hex,
  isReadToItsEnd,
  patched,
  QUOTE,
  quotesWith,
  throwsCode,
} from './corpus.ts';

type Manifest = {
  path: string;
  expected?: {
    attest?: {
      qualifiedSigner: string;
      extraData: string;
      clock: number;
      resetCount: number;
      restartCount: number;
      safe: number;
      firmwareVersion: string;
    };
  };
}[];

// Offsets in that quote: qualifiedSigner is 2 + 34 bytes from 6, extraData 2 + 32, then clockInfo.
const AT = { type: 4, signer: 6, extraData: 42, safe: 92, selections: 101, digest: 111 };

describeCorpus('TPMS_ATTEST', () => {
  const quote = corpusBytes(`${QUOTE}/quote.msg`);

  it('is read from every quote of the corpus as other parsers read it', () => {
    let compared = 0;
    for (const { path, expected } of corpusJson<Manifest>('manifest.json')) {
      if (!path.startsWith('quotes/') || !path.endsWith('quote.msg') || !expected?.attest) continue;
      const attest = parseTpmsAttest(corpusBytes(path));
      const { attest: known } = expected;
      assert.equal(hex(attest.qualifiedSigner), known.qualifiedSigner, path);
      assert.equal(hex(attest.extraData), known.extraData, path);
      assert.equal(Number(attest.clockInfo.clock), known.clock, path);
      assert.equal(attest.clockInfo.resetCount, known.resetCount, path);
      assert.equal(attest.clockInfo.restartCount, known.restartCount, path);
      assert.equal(attest.clockInfo.safe, known.safe === 1, path);
      const version = attest.firmwareVersion.toString(16).padStart(16, '0');
      assert.equal(version, known.firmwareVersion.padStart(16, '0'), path);
      compared++;
    }
    assert.equal(compared, quotesWith('quote.msg').length);
  });

  it('keeps an empty selection for the appraiser to refuse', () => {
    const attest = parseTpmsAttest(corpusBytes('quotes/immune-IMN-DELL/quote.msg'));
    assert.deepEqual(attest.quote.pcrSelect, []);
  });

  it('is refused truncated at any offset or with a byte more', () => {
    isReadToItsEnd(parseTpmsAttest, quote);
  });

  const negatives = [
    { file: 'quote.msg.neg-magic-flipped', code: 'BAD_MAGIC' },
    { file: 'quote.msg.neg-type-certify', code: 'NOT_A_QUOTE' },
    { file: 'quote.msg.neg-truncated', code: 'TRUNCATED' },
    { file: 'quote.msg.neg-trailing', code: 'TRAILING_BYTES' },
  ];
  for (const { file, code } of negatives) {
    it(`is refused as in ${file}: ${code}`, () => {
      for (const name of quotesWith(file)) {
        throwsCode(() => parseTpmsAttest(corpusBytes(`quotes/${name}/${file}`)), code);
      }
    });
  }

  const others = {
    TPM_ST_ATTEST_NV: 0x8014,
    TPM_ST_ATTEST_COMMAND_AUDIT: 0x8015,
    TPM_ST_ATTEST_SESSION_AUDIT: 0x8016,
    TPM_ST_ATTEST_CERTIFY: 0x8017,
    TPM_ST_ATTEST_TIME: 0x8019,
    TPM_ST_ATTEST_CREATION: 0x801a,
    TPM_ST_ATTEST_NV_DIGEST: 0x801c,
  };
  for (const [name, value] of Object.entries(others)) {
    it(`is refused with a quote's body under the type ${name}: NOT_A_QUOTE`, () => {
      const bytes = patched(quote, AT.type, Uint8Array.of(value >> 8, value & 0xff));
      throwsCode(() => parseTpmsAttest(bytes), 'NOT_A_QUOTE', 'type');
      assert.throws(() => parseTpmsAttest(bytes), new RegExp(`${name}$`));
    });
  }

  const refusals = [
    { given: 'a tag that is none', at: AT.type, to: [0x80, 0xff], code: 'UNKNOWN_TAG' },
    { given: 'a structure tag', at: AT.type, to: [0x80, 0x21], code: 'UNKNOWN_TAG' },
    { given: 'a signer without hash', at: AT.signer + 2, to: [0, 0], code: 'UNKNOWN_ALGORITHM' },
    { given: 'a signer of another hash', at: AT.signer + 2, to: [0, 0xc], code: 'BAD_NAME' },
    { given: 'extraData past TPM2B_DATA', at: AT.extraData, to: [0, 67], code: 'BAD_SIZE' },
    { given: 'safe = 2', at: AT.safe, to: [2], code: 'BAD_YES_NO' },
    { given: 'safe = 255', at: AT.safe, to: [255], code: 'BAD_YES_NO' },
    { given: '17 selections', at: AT.selections, to: [0, 0, 0, 17], code: 'TOO_MANY' },
    { given: '2^32 - 1 selections', at: AT.selections, to: [255, 255, 255, 255], code: 'TOO_MANY' },
    { given: 'an unknown bank', at: AT.selections + 4, to: [9, 9], code: 'UNKNOWN_ALGORITHM' },
    { given: 'a digest of no hash', at: AT.digest, to: [0, 31], code: 'BAD_SIZE' },
  ];
  for (const { given, at, to, code } of refusals) {
    it(`is refused with ${given}: ${code}`, () => {
      throwsCode(() => parseTpmsAttest(patched(quote, at, Uint8Array.from(to))), code);
    });
  }

  it('takes safe = NO for what it says', () => {
    const attest = parseTpmsAttest(patched(quote, AT.safe, Uint8Array.of(0)));
    assert.equal(attest.clockInfo.safe, false);
  });

  it('fails on arbitrary bytes with ParseError alone', () => {
    fc.assert(
      fc.property(fc.nat(quote.length - 1), fc.uint8Array({ maxLength: 4 }), (at, junk) => {
        const bytes = patched(quote, at, junk.subarray(0, quote.length - at));
        try {
          parseTpmsAttest(bytes);
        } catch (error) {
          assert.ok(error instanceof ParseError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
