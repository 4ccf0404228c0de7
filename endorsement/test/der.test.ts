import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DER, DerReader } from '../der-reader.ts';
import { booleanOf, readBitString, readIntegerOctets, readOid, readTime } from '../der-types.ts';
import { derOf, encodeOid, encodeText, encodeTime, encodeUnsigned } from '../der-writer.ts';
import { throwsCode } from './support.ts';

const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const reading = (text: string) => new DerReader(bytes(text));

describe('DerReader', () => {
  it('reads elements one after the other, with their offsets', () => {
    const reader = reading('0201 05 3003 0201 06'.replaceAll(' ', ''));
    assert.deepEqual([...reader.expect(DER.integer, 'a').contents], [5]);
    const sequence = reader.expect(DER.sequence, 'b');
    assert.equal(sequence.offset, 3);
    assert.equal(sequence.children().any('c').offset, 5);
    reader.end('all');
  });

  const refused = [
    { given: '', code: 'TRUNCATED', why: 'nothing' },
    { given: '30', code: 'TRUNCATED', why: 'no length' },
    { given: '3002 05', code: 'TRUNCATED', why: 'contents too short' },
    { given: '3084ffffffff 00', code: 'TRUNCATED', why: 'a length of 4 GiB' },
    { given: '3082 01', code: 'TRUNCATED', why: 'a length cut off' },
    { given: '3080 0000', code: 'BAD_DER', why: 'the indefinite form' },
    { given: '3085 0000000001 00', code: 'BAD_DER', why: 'a length of five octets' },
    { given: '308101 00', code: 'BAD_DER', why: 'a length that fits in one octet' },
    { given: '308200ff', code: 'BAD_DER', why: 'a length with a leading zero' },
    { given: '1f8101 00', code: 'BAD_DER', why: 'a tag of many octets' },
    { given: '0500', code: 'BAD_DER', why: 'another tag' },
  ];
  for (const { given, code, why } of refused) {
    it(`refuses ${why}: ${code}`, () => {
      throwsCode(() => reading(given).sequence('it'), code);
    });
  }

  it('refuses bytes after the end: TRAILING_BYTES', () => {
    throwsCode(() => reading('00').end('it'), 'TRAILING_BYTES');
  });

  it('refuses to look into a primitive element: BAD_DER', () => {
    throwsCode(() => reading('020105').any('it').children(), 'BAD_DER');
  });

  it('does not read past the element it is in: TRUNCATED', () => {
    const inner = reading('3002 0202 0505').sequence('it');
    throwsCode(() => inner.any('inside'), 'TRUNCATED');
  });
});

describe('OBJECT IDENTIFIER', () => {
  it('comes back as written, arcs of 128 bits included', () => {
    const arc = fc.bigInt({ min: 0n, max: 2n ** 128n });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 }),
        fc.nat(39),
        fc.array(arc),
        (root, second, rest) => {
          fc.pre(rest.length < 3);
          const dotted = [root, second, ...rest].join('.');
          assert.equal(readOid(new DerReader(encodeOid(dotted)), 'oid'), dotted);
        },
      ),
    );
  });

  for (const given of ['0600', '0602 8001', '0602 8881', '0603 558003']) {
    it(`refuses ${given}: BAD_DER`, () =>
      throwsCode(() => readOid(reading(given), 'oid'), 'BAD_DER'));
  }
});

describe('INTEGER, BOOLEAN and BIT STRING', () => {
  it('writes numbers in the fewest octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 20 }), (octets) => {
        const read = readIntegerOctets(new DerReader(encodeUnsigned(octets)), 'n');
        const value = (number: Uint8Array) => BigInt(`0x${Buffer.from(number).toString('hex')}`);
        assert.equal(value(read), value(octets));
      }),
    );
  });

  for (const given of ['0200', '0202 007f', '0202 ff80']) {
    it(`refuses the integer ${given}: BAD_DER`, () => {
      throwsCode(() => readIntegerOctets(reading(given), 'n'), 'BAD_DER');
    });
  }

  it('refuses a boolean that is neither 0x00 nor 0xFF: BAD_DER', () => {
    throwsCode(() => booleanOf(reading('010101').any('b'), 'b'), 'BAD_DER');
  });

  for (const given of ['0300', '0301 08', '0301 01', '0302 01 01']) {
    it(`refuses the bit string ${given}: BAD_DER`, () => {
      throwsCode(() => readBitString(reading(given), 'bits'), 'BAD_DER');
    });
  }
});

describe('Time', () => {
  it('comes back as written, to the second, from 1950 to 9999', () => {
    const seconds = fc.integer({ min: -631152000, max: 253402300799 });
    fc.assert(
      fc.property(seconds, (value) => {
        const time = new Date(value * 1000);
        assert.deepEqual(readTime(new DerReader(encodeTime(time)), 'time'), time);
      }),
    );
  });

  const refused = [
    '2602300000Z',
    '260230000000Z',
    '261301000000Z',
    '260101000000+0000',
    '26010100000Z',
  ];
  for (const given of refused) {
    it(`refuses ${given}: BAD_CERTIFICATE`, () => {
      const reader = new DerReader(encodeText(DER.utcTime, given));
      throwsCode(() => readTime(reader, 'time'), 'BAD_CERTIFICATE');
    });
  }

  it('refuses a time of another type: BAD_CERTIFICATE', () => {
    const reader = new DerReader(derOf(DER.integer, Uint8Array.of(5)));
    throwsCode(() => readTime(reader, 'time'), 'BAD_CERTIFICATE');
  });
});
