import assert from 'node:assert/strict';
import fc from 'fast-check';
import { certificatesOfNvChain } from '@touchstone/endorsement';
import { makeCertificate } from './made-certificate.ts';

const [one, two] = [makeCertificate('one').der, makeCertificate('two').der];
const read = (...parts: Uint8Array[]) =>
  certificatesOfNvChain(Buffer.concat(parts)).map((bytes) => new Uint8Array(bytes));

describe('an EK’s chain in NV', () => {
  it('is certificates one after the other, with what fills indices up between and behind', () => {
    const [zeros, ones] = [new Uint8Array(9), new Uint8Array(5).fill(0xff)];
    for (const parts of [
      [one, two],
      [zeros, one, ones, two, zeros],
      [one, zeros, ones, two],
    ])
      assert.deepEqual(read(...parts), [one, two]);
  });

  it('is empty where nothing was written', () => {
    for (const bytes of [new Uint8Array(), new Uint8Array(64), new Uint8Array(64).fill(0xff)])
      assert.deepEqual(read(bytes), []);
  });

  it('ends where no certificate follows: cut short, or other bytes', () => {
    assert.deepEqual(read(one, two.subarray(0, -1)), [one]);
    assert.deepEqual(read(one, Uint8Array.of(0x02, 0x01, 0x05), two), [one]);
    assert.deepEqual(read(Uint8Array.of(0x30, 0x80), two), []);
  });

  it('is read from any bytes, and gives no more than they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => {
        const lengths = certificatesOfNvChain(bytes).map(({ length }) => length);
        assert.ok(lengths.reduce((sum, length) => sum + length, 0) <= bytes.length);
      }),
    );
  });
});
