import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  ParseError,
  parseTpmsAttest,
  parseTpmsCertify,
  TPM_GENERATED_VALUE,
  TPM_ST_ATTEST_CERTIFY,
  Writer,
} from '@touchstone/tpm';
import { hex, isReadToItsEnd, patched, throwsCode } from './corpus.ts';

const NAME = Uint8Array.of(0, 0x0b, ...new Uint8Array(32).fill(1));
const QUALIFIED = Uint8Array.of(0, 0x0c, ...new Uint8Array(48).fill(2));
const SIGNER = Uint8Array.of(0, 0x0b, ...new Uint8Array(32).fill(3));

const certification = (names = { name: NAME, qualified: QUALIFIED, signer: SIGNER }): Uint8Array =>
  new Writer()
    .u32(TPM_GENERATED_VALUE)
    .u16(TPM_ST_ATTEST_CERTIFY)
    .sized16(names.signer)
    .sized16(Uint8Array.of(1, 2, 3))
    .u64(77n)
    .u32(5)
    .u32(6)
    .u8(1)
    .u64(0x0102030405060708n)
    .sized16(names.name)
    .sized16(names.qualified)
    .finish();

// qualifiedSigner is 2 + 34 bytes from 6, extraData 2 + 3, then clockInfo, firmwareVersion and the names.
const AT = { magic: 0, type: 4, signer: 6, extraData: 42, safe: 63, name: 72 };

describe('TPMS_ATTEST of a certification', () => {
  const bytes = certification();

  it('is read', () => {
    const { qualifiedSigner, extraData, clockInfo, firmwareVersion, certify, type } =
      parseTpmsCertify(bytes);
    assert.equal(type, 'certify');
    assert.equal(hex(qualifiedSigner), hex(SIGNER));
    assert.equal(hex(extraData), '010203');
    assert.deepEqual(clockInfo, { clock: 77n, resetCount: 5, restartCount: 6, safe: true });
    assert.equal(firmwareVersion, 0x0102030405060708n);
    assert.deepEqual([hex(certify.name), hex(certify.qualifiedName)], [hex(NAME), hex(QUALIFIED)]);
  });

  it('is read with no Qualified Names, as some implementations leave them', () => {
    const none = new Uint8Array();
    const read = parseTpmsCertify(certification({ name: NAME, qualified: none, signer: none }));
    assert.equal(read.qualifiedSigner.length + read.certify.qualifiedName.length, 0);
  });

  it('is refused truncated at any offset or with a byte more', () => {
    isReadToItsEnd(parseTpmsCertify, bytes);
  });

  it('is never read as a quote (Q6): NOT_A_QUOTE', () => {
    throwsCode(() => parseTpmsAttest(bytes), 'NOT_A_QUOTE', 'type');
  });

  it('is refused under a type of 8014 to 801c that is another: NOT_A_CERTIFY', () => {
    for (const type of [0x14, 0x15, 0x16, 0x18, 0x19, 0x1a, 0x1c]) {
      const other = patched(bytes, AT.type, Uint8Array.of(0x80, type));
      throwsCode(() => parseTpmsCertify(other), 'NOT_A_CERTIFY', 'type');
    }
  });

  const refusals = [
    { given: 'another magic', at: AT.magic, to: [0xfe], code: 'BAD_MAGIC' },
    { given: 'a tag that is none', at: AT.type, to: [0x80, 0xff], code: 'UNKNOWN_TAG' },
    { given: 'a signer of no hash', at: AT.signer + 2, to: [0, 0], code: 'UNKNOWN_ALGORITHM' },
    { given: 'extraData past TPM2B_DATA', at: AT.extraData, to: [0, 67], code: 'BAD_SIZE' },
    { given: 'safe = 2', at: AT.safe, to: [2], code: 'BAD_YES_NO' },
    { given: 'a Name of another size', at: AT.name + 2, to: [0, 0xc], code: 'BAD_NAME' },
  ];
  for (const { given, at, to, code } of refusals) {
    it(`is refused with ${given}: ${code}`, () => {
      throwsCode(() => parseTpmsCertify(patched(bytes, at, Uint8Array.from(to))), code);
    });
  }

  for (const [given, name] of [
    ['no Name', new Uint8Array()],
    ['a byte for a Name', Uint8Array.of(0)],
    ['a handle for a Name', Uint8Array.of(0x40, 0, 0, 0x0b)],
  ] as const) {
    it(`is refused with ${given} of the object`, () => {
      const made = certification({ name, qualified: QUALIFIED, signer: SIGNER });
      assert.throws(() => parseTpmsCertify(made), ParseError);
    });
  }

  it('fails on arbitrary bytes with ParseError alone', () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.uint8Array({ maxLength: 4 }), (at, junk) => {
        const changed = patched(bytes, at, junk.subarray(0, bytes.length - at));
        try {
          parseTpmsCertify(changed);
        } catch (error) {
          assert.ok(error instanceof ParseError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
