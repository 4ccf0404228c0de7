import assert from 'node:assert/strict';
import { Writer } from '@touchstone/tpm';
import {
  parseFirmwareBlob,
  parseFirmwareBlob2,
  parseGptData,
  parseHandoffTables,
  parseHandoffTables2,
  parseImageLoadEvent,
  parseLoadOption,
  parseSignature,
  parseSignatureLists,
  parseVariableData,
} from '../index.ts';
import {
  END,
  filePath,
  GLOBAL,
  gptData,
  guid,
  imageLoadEvent,
  little,
  SHA256_LIST,
  SHIM,
  signatureList,
  utf16,
  variableData,
  X509_LIST,
} from './made-efi.ts';

const ONE = Uint8Array.of(1);
const hash = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const blob2 = Buffer.concat([ONE, Buffer.from('F'), little().u64(1n).u64(2n).finish()]);
const tables = (count: bigint): Uint8Array =>
  little().u64(count).bytes(guid(SHIM)).u64(0x7000n).finish();
const tables2 = Buffer.concat([Uint8Array.of(2), Buffer.from('T\0'), tables(1n)]);
const loadOption = (paths: Uint8Array, optional: Uint8Array = new Uint8Array()): Uint8Array =>
  new Writer('little')
    .u32(1)
    .u16(paths.length)
    .bytes(utf16('debian\0'))
    .bytes(paths)
    .bytes(optional)
    .finish();
const debian = Buffer.concat([filePath('\\EFI\\debian\\shimx64.efi'), END]);

/** What each makes of a whole one. A byte less is never another. */
const STRUCTURES: readonly (readonly [
  name: string,
  parse: (bytes: Uint8Array) => unknown,
  bytes: Uint8Array,
])[] = [
  ['UEFI_VARIABLE_DATA', parseVariableData, variableData('SecureBoot', ONE)],
  ['EFI_SIGNATURE_LIST', parseSignatureLists, signatureList(SHA256_LIST, [[SHIM, hash(1)]])],
  ['UEFI_GPT_DATA', parseGptData, gptData(['ESP', 'root'])],
  ['UEFI_PLATFORM_FIRMWARE_BLOB', parseFirmwareBlob, little().u64(1n).u64(2n).finish()],
  ['UEFI_PLATFORM_FIRMWARE_BLOB2', parseFirmwareBlob2, blob2],
  ['UEFI_HANDOFF_TABLE_POINTERS', parseHandoffTables, tables(1n)],
  ['UEFI_HANDOFF_TABLE_POINTERS2', parseHandoffTables2, tables2],
  ['UEFI_IMAGE_LOAD_EVENT', parseImageLoadEvent, imageLoadEvent(debian)],
];

for (const [name, parse, bytes] of STRUCTURES) {
  describe(name, () => {
    it('is read whole', () => {
      assert.doesNotThrow(() => parse(bytes));
    });

    it('is refused truncated at any offset: TRUNCATED', () => {
      const isList = name === 'EFI_SIGNATURE_LIST';
      // No bytes are an empty variable: no lists.
      for (let end = isList ? 1 : 0; end < bytes.length; end++) {
        assert.throws(() => parse(bytes.subarray(0, end)), { code: 'TRUNCATED' }, `${end}`);
      }
    });

    it('is refused with a byte more', () => {
      const more = Buffer.concat([bytes, Uint8Array.of(0)]);
      assert.throws(() => parse(more), {
        name: 'ParseError',
        code: /^(TRAILING_BYTES|TRUNCATED)$/,
      });
    });
  });
}

describe('UEFI_VARIABLE_DATA in words', () => {
  it('has vendor, name and value', () => {
    assert.deepEqual(parseVariableData(variableData('SecureBoot', ONE)), {
      vendor: GLOBAL,
      name: 'SecureBoot',
      value: ONE,
    });
  });

  it('may be of no bytes: a variable that is not there', () => {
    assert.deepEqual(
      parseVariableData(variableData('dbt', new Uint8Array())).value,
      new Uint8Array(),
    );
  });

  it('L22 has a well-formed name whatever its bytes, and keeps NULs in it', () => {
    const { name } = parseVariableData(variableData(utf16('Secure\0Boot\ud800'), ONE));
    assert.equal(name, 'Secure\0Boot\ufffd');
  });

  it('is refused where a length is more than anything can be: VARIABLE_LENGTH', () => {
    for (const at of [16, 24]) {
      const lying = Buffer.from(variableData('x', ONE));
      lying.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, at);
      assert.throws(() => parseVariableData(lying), { code: 'VARIABLE_LENGTH', offset: at });
    }
  });

  it('is refused where a length is more than there is: TRUNCATED', () => {
    for (const at of [16, 24]) {
      const lying = Buffer.from(variableData('x', ONE));
      lying.writeBigUInt64LE(0x1_0000_0000n, at);
      assert.throws(() => parseVariableData(lying), { code: 'TRUNCATED' });
    }
  });
});

describe('EFI_SIGNATURE_LIST in words', () => {
  it('has each signature with its owner, lists one after another', () => {
    const certificate = Buffer.from('3003020100', 'hex');
    const lists = parseSignatureLists(
      Buffer.concat([
        signatureList(X509_LIST, [[GLOBAL, certificate]]),
        signatureList(SHA256_LIST, [
          [SHIM, hash(1)],
          [SHIM, hash(2)],
        ]),
      ]),
    );
    assert.deepEqual(lists, [
      {
        kind: 'x509',
        type: X509_LIST,
        signatures: [{ owner: GLOBAL, data: new Uint8Array(certificate) }],
      },
      {
        kind: 'sha256',
        type: SHA256_LIST,
        signatures: [
          { owner: SHIM, data: hash(1) },
          { owner: SHIM, data: hash(2) },
        ],
      },
    ]);
  });

  it('is none in no bytes, and may hold no signature', () => {
    assert.deepEqual(parseSignatureLists(new Uint8Array()), []);
    assert.deepEqual(parseSignatureLists(signatureList(SHA256_LIST, []))[0]?.signatures, []);
  });

  it('keeps signatures of a type that is not known here, and says so', () => {
    const [list] = parseSignatureLists(signatureList(GLOBAL, [[SHIM, hash(1)]]));
    assert.deepEqual([list?.kind, list?.signatures.length], ['unknown', 1]);
  });

  for (const [what, said] of [
    ['smaller than its header', { list: 27 }],
    ["smaller than its header and the type's", { header: 49 }],
    ['no whole number of signatures', { list: 28 + 49 }],
    ['signatures of no bytes', { signature: 0 }],
    ['signatures of an owner and nothing', { signature: 16 }],
    ['SHA-256 digests of 20 bytes', { signature: 36, list: 28 + 36 }],
  ] as const) {
    it(`is refused if it is ${what}: SIGNATURE_LIST_SIZE`, () => {
      const bytes = signatureList(SHA256_LIST, [[SHIM, hash(1)]], said);
      assert.throws(() => parseSignatureLists(bytes), { code: 'SIGNATURE_LIST_SIZE', offset: 0 });
    });
  }

  it('is refused with more than 65,536 signatures before they are made: TOO_MANY_SIGNATURES', () => {
    const said = { list: 28 + 17 * 65_537, signature: 17 };
    const bytes = Buffer.concat([signatureList(GLOBAL, [], said), new Uint8Array(17 * 65_537)]);
    assert.throws(() => parseSignatureLists(bytes), { code: 'TOO_MANY_SIGNATURES' });
    const empty = signatureList(SHA256_LIST, []);
    assert.throws(() => parseSignatureLists(Buffer.alloc(65_538 * empty.length, empty)), {
      code: 'TOO_MANY_SIGNATURES',
    });
  });

  it('has one signature by itself as owner and data', () => {
    const bytes = Buffer.concat([guid(SHIM), hash(9)]);
    assert.deepEqual(parseSignature(bytes), { owner: SHIM, data: hash(9) });
    assert.throws(() => parseSignature(bytes.subarray(0, 15)), { code: 'TRUNCATED' });
  });
});

describe('UEFI_GPT_DATA in words', () => {
  it('has the disk, and each partition with its name', () => {
    const { disk, partitions } = parseGptData(gptData(['ESP']));
    assert.equal(disk, '11111111-2222-3333-4444-555555555555');
    assert.deepEqual(partitions, [
      {
        type: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
        id: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
        firstLba: 34n,
        lastLba: 99n,
        attributes: 0n,
        name: 'ESP',
      },
    ]);
  });

  for (const [what, bytes, code] of [
    [
      'that begins otherwise',
      Buffer.concat([Buffer.from('EFI_'), gptData([]).subarray(4)]),
      'GPT_SIGNATURE',
    ],
    ['with entries of 127 bytes', gptData([], { entry: 127 }), 'GPT_ENTRY_SIZE'],
    ['with entries of 4 GiB', gptData([], { entry: 0xffff_ffff }), 'GPT_ENTRY_SIZE'],
    ['with 2^63 entries', gptData([], { count: 1n << 63n }), 'GPT_ENTRIES'],
    ['with an entry that is not there', gptData([], { count: 1n }), 'TRUNCATED'],
  ] as const) {
    it(`is refused ${what}: ${code}`, () => {
      assert.throws(() => parseGptData(bytes), { code });
    });
  }
});

describe('where firmware lay', () => {
  it('is a base and a length, with a description in the newer event', () => {
    const old = little().u64(0xfff0_0000n).u64(0x10_0000n).finish();
    assert.deepEqual(parseFirmwareBlob(old), { base: 0xfff0_0000n, length: 0x10_0000n });
    assert.deepEqual(parseFirmwareBlob2(blob2), { description: 'F', base: 1n, length: 2n });
  });

  it('is a list of tables, with a description in the newer event', () => {
    const table = { vendor: SHIM, address: 0x7000n };
    assert.deepEqual(parseHandoffTables(tables(1n)), { tables: [table] });
    assert.deepEqual(parseHandoffTables2(tables2), { description: 'T', tables: [table] });
  });

  it('is refused with more tables than anyone has: HANDOFF_TABLES', () => {
    assert.throws(() => parseHandoffTables(tables(1n << 60n)), {
      code: 'HANDOFF_TABLES',
      offset: 0,
    });
  });
});

describe('UEFI_IMAGE_LOAD_EVENT in words', () => {
  it('has the path that the image came from, or none', () => {
    const { devicePath, imageLength } = parseImageLoadEvent(imageLoadEvent(debian));
    assert.deepEqual([devicePath?.file, imageLength], ['\\EFI\\debian\\shimx64.efi', 0x2000n]);
    assert.equal(parseImageLoadEvent(imageLoadEvent(new Uint8Array())).devicePath, null);
  });

  it('has eight or nine bytes more where shim before 15.5 wrote it, and no other number', () => {
    for (const [more, isRead] of [
      [8, true],
      [9, true],
      [7, false],
      [10, false],
    ] as const) {
      const bytes = Buffer.concat([imageLoadEvent(new Uint8Array()), new Uint8Array(more)]);
      if (isRead) assert.equal(parseImageLoadEvent(bytes).devicePath, null);
      else assert.throws(() => parseImageLoadEvent(bytes), { code: 'TRAILING_BYTES' });
    }
  });

  it('is refused where the path is said to be longer than there is: TRUNCATED', () => {
    for (const said of [debian.length + 1, Number.MAX_SAFE_INTEGER]) {
      assert.throws(() => parseImageLoadEvent(imageLoadEvent(debian, said)), { code: 'TRUNCATED' });
    }
  });
});

describe('EFI_LOAD_OPTION', () => {
  it('has a description, the paths, and what is left as optional data', () => {
    const read = parseLoadOption(loadOption(Buffer.concat([debian, END]), ONE));
    assert.deepEqual([read.attributes, read.description], [1, 'debian']);
    assert.deepEqual(
      read.filePaths.map(({ text }) => text),
      ['\\EFI\\debian\\shimx64.efi', ''],
    );
    assert.deepEqual(read.optionalData, ONE);
  });

  it('is refused truncated before its optional data: TRUNCATED', () => {
    const bytes = loadOption(debian);
    for (let end = 0; end < bytes.length; end++) {
      assert.throws(() => parseLoadOption(bytes.subarray(0, end)), { code: 'TRUNCATED' });
    }
  });

  it('is refused with more paths than anyone has: LOAD_OPTION_PATHS', () => {
    const bytes = loadOption(Buffer.alloc(17 * 4, END));
    assert.throws(() => parseLoadOption(bytes), { code: 'LOAD_OPTION_PATHS' });
  });
});
