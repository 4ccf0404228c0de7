import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Reader, Writer } from '@touchstone/tpm';
import { throwsCode } from './corpus.ts';

describe('Reader and Writer', () => {
  it('give back every integer and byte string in either byte order', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('big' as const, 'little' as const),
        fc.nat(0xff),
        fc.nat(0xffff),
        fc.nat(0xffffffff),
        fc.bigInt(0n, 0xffffffffffffffffn),
        fc.uint8Array({ maxLength: 300 }),
        (endian, u8, u16, u32, u64, bytes) => {
          const writer = new Writer(endian).u8(u8).u16(u16).u32(u32).u64(u64).sized16(bytes);
          const reader = new Reader(writer.finish(), endian);
          assert.equal(reader.u8('a'), u8);
          assert.equal(reader.u16('b'), u16);
          assert.equal(reader.u32('c'), u32);
          assert.equal(reader.u64('d'), u64);
          assert.deepEqual(reader.sized16('e'), bytes);
          reader.end('whole');
        },
      ),
    );
  });

  it('refuse to read past the end, naming the field and the offset: TRUNCATED', () => {
    const reader = new Reader(Uint8Array.of(1, 2, 3));
    reader.u16('first');
    assert.throws(() => reader.u16('second'), {
      code: 'TRUNCATED',
      field: 'second',
      offset: 2,
    });
    assert.equal(reader.offset, 2, 'a refused read does not advance');
  });

  it('refuse a TPM2B longer than what remains before allocating it: TRUNCATED', () => {
    throwsCode(() => new Reader(Uint8Array.of(0xff, 0xff, 1)).sized16('blob'), 'TRUNCATED', 'blob');
  });

  it('refuse a window to read past its own end: TRUNCATED', () => {
    const reader = new Reader(Uint8Array.of(9, 1, 2, 3, 4));
    reader.u8('skipped');
    const window = reader.window(2, 'inner');
    assert.equal(window.offset, 1);
    assert.equal(window.u16('both'), 0x0102);
    throwsCode(() => window.u8('beyond'), 'TRUNCATED', 'beyond');
    assert.equal(reader.u16('after'), 0x0304);
  });

  it('refuse an end that is not one: TRAILING_BYTES', () => {
    throwsCode(() => new Reader(new Uint8Array(1)).end('whole'), 'TRAILING_BYTES', 'whole');
  });

  it('read a Buffer that starts inside its pool', () => {
    const pool = Uint8Array.of(0, 0, 0, 2, 7, 8, 0);
    const reader = new Reader(Buffer.from(pool.buffer, 2, 4));
    const bytes = reader.sized16('blob');
    assert.deepEqual(bytes, Uint8Array.of(7, 8));
  });

  it('refuse to write what a field cannot hold', () => {
    assert.throws(() => new Writer().u8(256), RangeError);
    assert.throws(() => new Writer().u16(-1), RangeError);
    assert.throws(() => new Writer().u32(2 ** 32), RangeError);
    assert.throws(() => new Writer().u64(2n ** 64n), RangeError);
    assert.throws(() => new Writer().sized16(new Uint8Array(65536)), RangeError);
  });
});
