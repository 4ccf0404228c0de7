import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeSoftwareEvent, parseSoftwareEvent, type SoftwareEvent } from '../index.ts';
import { ascii, hex } from './sample-log.ts';

const SHA256 = 'ab'.repeat(32);

const path = fc
  .array(
    fc.string({ unit: 'grapheme', minLength: 1 }).map((name) => name.replaceAll(/[/\0]/g, 'x')),
    {
      minLength: 1,
      maxLength: 5,
    },
  )
  .map((names) => `/${names.join('/')}`);
const sha256 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(hex);

const PLAIN = { noNullPrototype: true };
const softwareEvent: fc.Arbitrary<SoftwareEvent> = fc.oneof(
  fc.record({ kind: fc.constant('file' as const), path, sha256 }, PLAIN),
  fc.record(
    { kind: fc.constant('tree' as const), path: fc.oneof(path, fc.constant('/')), sha256 },
    PLAIN,
  ),
  fc.record(
    { kind: fc.constant('command-line' as const), text: fc.string({ unit: 'binary' }) },
    PLAIN,
  ),
  fc.record({ kind: fc.constant('absent' as const), path }, PLAIN),
);

describe('an event of the software log', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(softwareEvent, (event) => {
        assert.deepEqual(parseSoftwareEvent(encodeSoftwareEvent(event)), event);
      }),
    );
  });

  it('is a tagged event of one line, as sha256sum writes it', () => {
    const data = Buffer.from(
      encodeSoftwareEvent({ kind: 'file', path: '/boot/vmlinuz', sha256: SHA256 }),
    );
    assert.equal(data.readUInt32LE(0), 0x54530001);
    assert.equal(data.readUInt32LE(4), data.length - 8);
    assert.equal(data.toString('utf8', 8), `${SHA256}  /boot/vmlinuz`);
  });

  it('names a tree with a slash at its end, given one or not', () => {
    for (const given of ['/opt/agent', '/opt/agent/']) {
      const data = encodeSoftwareEvent({ kind: 'tree', path: given, sha256: SHA256 });
      assert.ok(Buffer.from(data).toString('utf8', 8).endsWith('  /opt/agent/'));
      assert.deepEqual(parseSoftwareEvent(data), {
        kind: 'tree',
        path: '/opt/agent',
        sha256: SHA256,
      });
    }
  });

  describe('is not written', () => {
    const unwritable: readonly (readonly [string, SoftwareEvent])[] = [
      ['for a relative path', { kind: 'file', path: 'boot/vmlinuz', sha256: SHA256 }],
      ['for a file that is a directory', { kind: 'file', path: '/boot/', sha256: SHA256 }],
      ['for a path with NUL', { kind: 'absent', path: '/boot\0' }],
      ['with a digest in upper case', { kind: 'file', path: '/boot/x', sha256: 'AB'.repeat(32) }],
      ['with a short digest', { kind: 'tree', path: '/boot', sha256: 'ab' }],
      ['with a lone surrogate', { kind: 'command-line', text: '\ud800' }],
    ];
    for (const [given, event] of unwritable) {
      it(given, () => {
        assert.throws(() => encodeSoftwareEvent(event), RangeError);
      });
    }
  });

  describe('is refused', () => {
    const line = `${SHA256}  /boot/vmlinuz`;
    const refused = [
      { given: 'without data', bytes: new Uint8Array(), code: 'TRUNCATED' },
      { given: 'cut short', bytes: tagged(0x54530001, line).subarray(0, -1), code: 'TRUNCATED' },
      {
        given: 'with a size of 2^32 - 1',
        bytes: tagged(0x54530001, line, 0xffffffff),
        code: 'TRUNCATED',
      },
      {
        given: 'with a byte after it',
        bytes: tagged(0x54530001, line, line.length - 1),
        code: 'TRAILING_BYTES',
      },
      { given: 'with a tag of its own', bytes: tagged(0x54530005, line), code: 'SOFTWARE_EVENT' },
      {
        given: 'with one space',
        bytes: tagged(0x54530001, `${SHA256} /x`),
        code: 'SOFTWARE_EVENT',
      },
      {
        given: 'with a relative path',
        bytes: tagged(0x54530001, `${SHA256}  x`),
        code: 'SOFTWARE_EVENT',
      },
      {
        given: 'for a tree without its slash',
        bytes: tagged(0x54530002, line),
        code: 'SOFTWARE_EVENT',
      },
      {
        given: 'for a file with a slash',
        bytes: tagged(0x54530001, `${line}/`),
        code: 'SOFTWARE_EVENT',
      },
      {
        given: 'with NUL in its path',
        bytes: tagged(0x54530001, `${line}\0`),
        code: 'SOFTWARE_EVENT',
      },
      { given: 'for an absent nothing', bytes: tagged(0x54530004, ''), code: 'SOFTWARE_EVENT' },
      {
        given: 'with bytes that are no UTF-8',
        bytes: tagged(0x54530003, '\xff'),
        code: 'SOFTWARE_EVENT',
      },
    ];
    for (const { given, bytes, code } of refused) {
      it(`${given}: ${code}`, () => {
        assert.throws(() => parseSoftwareEvent(bytes), { name: 'ParseError', code });
      });
    }
  });
});

function tagged(id: number, text: string, size = text.length): Uint8Array {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(id, 0);
  header.writeUInt32LE(size, 4);
  return Buffer.concat([header, ascii(text)]);
}
