import assert from 'node:assert/strict';
import { type Meaning, nameOfMeaning, safeLine, type VariableMeaning } from '../index.ts';
import {
  END,
  filePath,
  GLOBAL,
  little,
  SECURITY_DATABASE,
  SHA256_LIST,
  SHIM,
  signatureList,
  utf16,
  X509_LIST,
} from './made-efi.ts';

const nameOf = (meaning: Meaning): string => nameOfMeaning({ basis: 'label', ...meaning });

const variable = (
  name: string,
  value: Uint8Array,
  vendor = GLOBAL,
  role: VariableMeaning['role'] = 'config',
): VariableMeaning => ({ kind: 'variable', role, name, vendor, value });

const hash = new Uint8Array(32);
const bootOption = Buffer.concat([
  little().u32(1).u16(20).bytes(utf16('debian\0')).finish(),
  filePath('\\x.efi'),
  END,
]).subarray(0);
bootOption.writeUInt16LE(filePath('\\x.efi').length + END.length, 4);

const NAMES: readonly (readonly [name: string, meaning: Meaning])[] = [
  ['SecureBoot is on', variable('SecureBoot', Uint8Array.of(1))],
  ['SecureBoot is off', variable('SecureBoot', Uint8Array.of(0))],
  ['SetupMode is 2', variable('SetupMode', Uint8Array.of(2))],
  ['variable SecureBoot, 2 bytes', variable('SecureBoot', Uint8Array.of(1, 1))],
  ['variable SecureBoot, 1 byte', variable('SecureBoot', Uint8Array.of(1), SHIM)],
  ['dbx: empty', variable('dbx', new Uint8Array(), SECURITY_DATABASE)],
  ['dbx: 1 hash', variable('dbx', signatureList(SHA256_LIST, [[SHIM, hash]]), SECURITY_DATABASE)],
  [
    'db: 1 certificate, 2 hashes',
    variable(
      'db',
      Buffer.concat([
        signatureList(X509_LIST, [[SHIM, Uint8Array.of(0x30, 0)]]),
        signatureList(SHA256_LIST, [
          [SHIM, hash],
          [SHIM, hash],
        ]),
      ]),
      SECURITY_DATABASE,
    ),
  ],
  ['variable PK, 3 bytes', variable('PK', Uint8Array.of(1, 2, 3))],
  ['BootOrder 0001, 00AF', variable('BootOrder', Uint8Array.of(1, 0, 0xaf, 0), GLOBAL, 'boot')],
  ['Boot0001 "debian": \\x.efi', variable('Boot0001', bootOption, GLOBAL, 'boot')],
  ['variable Boot0001, 1 byte', variable('Boot0001', Uint8Array.of(1), GLOBAL, 'boot')],
  ['separator: an error of the firmware', { kind: 'separator', value: 'error' }],
  [
    'boot driver PciRoot(0x0)',
    { kind: 'image', role: 'boot-driver', devicePath: 'PciRoot(0x0)', imageLength: 9n },
  ],
  [
    'boot application from memory, 9 bytes',
    { kind: 'image', role: 'application', devicePath: '', imageLength: 9n },
  ],
  ['kernel command line (its text is not in the log)', { kind: 'command-line', source: 'linux' }],
  ["shim's MokList: empty", { kind: 'mok', name: 'MokList', value: new Uint8Array() }],
  ["shim's MokListX", { kind: 'mok', name: 'MokListX' }],
  [
    'SBAT level 2025021800: shim,4, grub,5',
    { kind: 'sbat', text: 'sbat,1,2025021800\nshim,4\ngrub,5\n', level: '2025021800' },
  ],
  ['Windows: BitLocker', { kind: 'windows', count: 0, names: [] }],
  ['/etc/x (absent)', { kind: 'software', event: { kind: 'absent', path: '/etc/x' } }],
  [
    'tables: SMBIOS 3',
    {
      kind: 'handoff-tables',
      tables: [{ vendor: 'f2fd1544-9794-4a2c-992e-e5bbcf20e394', address: 0n }],
    },
  ],
  ['unknown', { kind: 'unknown' }],
];

describe('nameOfMeaning', () => {
  for (const [name, meaning] of NAMES) {
    it(`says ${name}`, () => {
      assert.equal(nameOf(meaning), name);
    });
  }

  it('L22 says nothing that drives a terminal or turns the writing, wherever the text is from', () => {
    const evil = '\u001b]0;x\u0007\u202e\u2066\u0085\u200b\ufeff<b>\0\n';
    const all: readonly Meaning[] = [
      { kind: 'action', text: evil },
      { kind: 'version', text: evil },
      variable(evil, new Uint8Array(), evil),
      variable(evil, new Uint8Array(20), GLOBAL, 'authority'),
      { kind: 'image', role: 'application', devicePath: evil, file: evil, imageLength: 0n },
      { kind: 'blob', description: evil },
      { kind: 'command-line', source: 'grub', text: evil },
      { kind: 'loader-command', text: evil },
      { kind: 'loader-file', path: evil },
      { kind: 'mok', name: evil },
      { kind: 'sbat', text: evil, level: evil },
      { kind: 'systemd', what: 'section', text: evil },
      { kind: 'note', signature: evil },
      { kind: 'software', event: { kind: 'absent', path: evil } },
      { kind: 'text', text: evil },
    ];
    for (const meaning of all) {
      assert.doesNotMatch(nameOf(meaning), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u, meaning.kind);
    }
  });
});

describe('safeLine', () => {
  it('makes blanks of line ends and tabs, and marks what else it takes out', () => {
    assert.equal(safeLine(' a\r\n\tb\u0000c\ud800d '), 'a b\ufffdc\ufffdd');
  });

  it('leaves text of any language, and markup, as it is', () => {
    assert.equal(safeLine('Größe 日本語 <b>&amp;'), 'Größe 日本語 <b>&amp;');
  });

  it('is of 240 characters at most, and never ends in half of one', () => {
    assert.equal(safeLine('x'.repeat(240)), 'x'.repeat(240));
    assert.equal(safeLine('x'.repeat(16 * 1024 * 1024)), `${'x'.repeat(239)}…`);
    assert.equal(safeLine(`${' '.repeat(1_000)}x`), '…');
    assert.ok(safeLine(`${'x'.repeat(238)}${'\u{1f600}'.repeat(9)}`).isWellFormed());
  });
});
