import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { imaEntries } from '@touchstone/eventlog';
import type { ImaPolicy } from '@touchstone/schemas';
import { hash, type PcrValues } from '@touchstone/tpm';
import { corpusIt, corpusPath } from '../../test/support/corpus.ts';
import {
  binaryList,
  dataOfSample,
  digestOf,
  fileFields,
  named,
  name,
  nothing,
  raw,
  type SampleEntry,
} from '../../test/support/made-ima.ts';
import { derPem, imaCertificate } from '../../test/support/ima-certificate.ts';
import {
  appraiseImaSegment,
  checkImaPolicy,
  imaPolicyDigestOf,
  imaPolicyFromList,
} from '../index.ts';
import { readImaSignature, verifyImaSignature } from '../ima/ima-signature.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const DIGEST = 'ab'.repeat(32);
const policyOf = (digests: string): ImaPolicy => ({ mode: 'enforce', files: [{ digests }] });

const AGGREGATE: SampleEntry = {
  template: 'ima-ng',
  fields: [named('sha256', digestOf('x')), name('boot_aggregate')],
};
/** What a policy says of entries behind a boot_aggregate. */
function codesOf(policy: ImaPolicy, ...entries: readonly SampleEntry[]): string[] {
  const all = [AGGREGATE, ...entries];
  const pcr10 = all.reduce(
    (pcr: Uint8Array, entry) => hash('sha256', pcr, hash('sha256', dataOfSample(entry))),
    new Uint8Array(32),
  );
  const pcrs: PcrValues = new Map([['sha256', new Map([[10, pcr10]])]]);
  const policies = [
    { document: 'runtime', policy: { ...policy, bootAggregate: 'observe' as const } },
  ];
  const { state, findings } = appraiseImaSegment(undefined, binaryList(...all), {
    policies,
    pcrs,
    fromEntry: 0,
  });
  assert.equal(state, 'believed');
  return findings.map(({ code }) => code).filter((code) => code !== 'IMA_BOOT_AGGREGATE_UNPROVEN');
}
const file = (path: string, content = path): SampleEntry => ({
  template: 'ima-ng',
  fields: [named('sha256', digestOf(content)), name(path)],
});

describe('The policy of what IMA may measure', () => {
  it('is lines as sha256sum prints them, comments among them, in any of four algorithms', () => {
    const lines = `# a package\n${DIGEST}  /usr/bin/a b\n${'ab'.repeat(20)}  /x\n\\${'ab'.repeat(48)}  /a\\nb\\\\c\n${'ab'.repeat(64)}  kexec-cmdline`;
    checkImaPolicy(policyOf(lines));
    const [underscored, newline] = [file('/usr/bin/a_b'), file('/a\nb\\c')];
    const own = `${hex(digestOf('/usr/bin/a_b'))}  /usr/bin/a b\n\\${hex(digestOf('/a\nb\\c'))}  /a\\nb\\\\c\n`;
    assert.deepEqual(codesOf(policyOf(own), underscored, newline), []);
  });

  const REFUSED: readonly (readonly [
    given: string,
    policy: ImaPolicy,
    code: string,
    field: string,
    reason: RegExp,
  ])[] = [
    [
      'a line cut in the middle of its digest',
      policyOf(`${DIGEST}  /a\n${DIGEST.slice(0, 40 + 1)}`),
      'BASELINE_IMA_LINE',
      '/ima/files/0/digests',
      /line 2/u,
    ],
    [
      'a line cut before its path',
      policyOf(`${DIGEST}  `),
      'BASELINE_IMA_LINE',
      '/ima/files/0/digests',
      /line 1/u,
    ],
    [
      'capitals',
      policyOf(`${DIGEST.toUpperCase()}  /a\n`),
      'BASELINE_IMA_LINE',
      '/ima/files/0/digests',
      /line 1/u,
    ],
    [
      'one space',
      policyOf(`${DIGEST} /a\n`),
      'BASELINE_IMA_LINE',
      '/ima/files/0/digests',
      /line 1/u,
    ],
    [
      'an empty line',
      policyOf(`${DIGEST}  /a\n\n`),
      'BASELINE_IMA_LINE',
      '/ima/files/0/digests',
      /line 2/u,
    ],
    [
      'a control character',
      policyOf(`${DIGEST}  /a\u001b[2J\n`),
      'BASELINE_IMA_LINE',
      '/ima/files/0/digests',
      /control/u,
    ],
    [
      'an escape that is none',
      policyOf(`\\${DIGEST}  /a\\x\n`),
      'BASELINE_IMA_LINE',
      '/ima/files/0/digests',
      /escape/u,
    ],
    ['nothing that it allows', { mode: 'enforce' }, 'BASELINE_IMA_EMPTY', '/ima', /nothing/u],
    [
      'a certificate that is none',
      {
        mode: 'enforce',
        keyrings: [
          {
            name: '.ima',
            certificates: ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
          },
        ],
      },
      'BASELINE_IMA_KEY',
      '/ima/keyrings/0/certificates/0',
      /certificate/u,
    ],
  ];
  for (const [given, policy, code, field, reason] of REFUSED) {
    it(`is refused with ${given}: ${code}`, () => {
      assert.throws(() => checkImaPolicy(policy), { code, field, reason });
    });
  }

  it('has patterns of paths whose matching takes no time, whatever they hold', () => {
    const slow = `/${'a*'.repeat(100)}b`;
    const exclude = [slow, '/x/**/y', '/t/?'];
    const policy = { ...policyOf(`${DIGEST}  /a\n`), exclude };
    const long = `/${'a'.repeat(4_000)}`;
    const paths = ['/x/y', '/x/a/b/y', '/x//y', '/t/', '/t/aa', '/t/b', long, `${long}b`];
    assert.deepEqual(
      codesOf(policy, ...paths.map((path) => file(path))),
      Array(4).fill('IMA_FILE_UNKNOWN'),
    );
  });

  it('of 100,000 files is checked and compiled in no time, and once for all hosts', () => {
    const lines = Array.from(
      { length: 100_000 },
      (_, index) =>
        `${index.toString(16).padStart(64, '0')}  /usr/lib/some/where/file-${index}.so\n`,
    );
    const policy = policyOf(lines.join(''));
    const before = process.cpuUsage();
    const digest = imaPolicyDigestOf([{ document: 'runtime', policy }]);
    const first = process.cpuUsage(before);
    for (let host = 0; host < 1_000; host += 1) {
      assert.equal(imaPolicyDigestOf([{ document: 'runtime', policy }]), digest);
    }
    const all = process.cpuUsage(before);
    // Measured: 0.25 s, and 5 ms for a thousand hosts.
    assert.ok(first.user + first.system < 2_500_000, `${first.user} us`);
    assert.ok(all.user - first.user < 500_000, `${all.user - first.user} us`);
  });

  it('made from a list allows what the list shows, and nothing else', () => {
    const entries = [
      AGGREGATE,
      file('/b'),
      file('/a\nc'),
      file('/a'),
      file('/a', 'other'),
      file('/d', 'd'),
    ];
    const list = binaryList(
      ...entries,
      { ...file('/v'), violation: true },
      { ...file('/p'), pcr: 11 },
    );
    const packageOf = (path: string) => (path === '/d' ? { from: 'd', version: '1' } : undefined);
    const policy = imaPolicyFromList(imaEntries(list), {
      packageOf,
      without: (path) => path === '/b',
    });
    assert.ok(policy);
    checkImaPolicy(policy);
    assert.deepEqual(
      policy.files?.map(({ from }) => from),
      ['d', undefined],
    );
    const [, lines] = policy.files ?? [];
    assert.deepEqual(
      lines?.digests.split('\n').map((line) => line.replace(/^(\\?).*  /u, '$1')),
      ['/a', '/a', '\\/a\\nc', ''],
    );
    assert.deepEqual(codesOf(policy, ...entries.slice(2)), []);
    assert.deepEqual(codesOf(policy, file('/b'), file('/d', 'e')), [
      'IMA_FILE_UNKNOWN',
      'IMA_FILE_DIFFERS',
    ]);
    assert.equal(imaPolicyFromList([]), undefined);
  });
});

describe("Signatures of files in IMA's list", () => {
  const [DIGSIG, VERITY] = [3, 6];
  const header = (
    type: number,
    version: number,
    algorithm: number,
    keyId: Uint8Array,
    signature: Uint8Array,
  ) =>
    Buffer.concat([
      Buffer.of(type, version, algorithm),
      keyId,
      Buffer.of(signature.length >> 8, signature.length & 255),
      signature,
    ]);
  const NUMBERS = { sha256: 4, sha384: 5, sha512: 6 } as const;
  type Algorithm = keyof typeof NUMBERS;
  /** As evmctl makes them: version 2 over the file's digest, which is what signing its content does. */
  const signV2 = (
    content: string,
    key: KeyObject,
    keyId: Uint8Array,
    algorithm: Algorithm = 'sha256',
  ) => header(DIGSIG, 2, NUMBERS[algorithm], keyId, sign(algorithm, Buffer.from(content), key));
  const signV3 = (content: string, key: KeyObject, keyId: Uint8Array, type = VERITY) =>
    header(
      type,
      3,
      4,
      keyId,
      sign('sha256', Buffer.concat([Buffer.of(type, 4), digestOf(content)]), key),
    );

  const PAIRS = [
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['P-256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['secp256k1', generateKeyPairSync('ec', { namedCurve: 'secp256k1' })],
  ] as const;

  for (const [kind, { publicKey, privateKey }] of PAIRS) {
    it(`of version 2 and 3 by ${kind} are valid over the digest that they were made for, and over no other`, () => {
      const id = Buffer.of(1, 2, 3, 4);
      for (let round = 0; round < 24; round += 1) {
        const content = `content ${round}`;
        for (const algorithm of ['sha256', 'sha384', 'sha512'] as const) {
          const digest = (text: string) => ({ algorithm, value: digestOf(text, algorithm) });
          const read = readImaSignature(signV2(content, privateKey, id, algorithm));
          assert.ok(read);
          assert.ok(verifyImaSignature(read, digest(content), publicKey));
          assert.ok(!verifyImaSignature(read, digest(`${content}x`), publicKey));
          assert.ok(
            !verifyImaSignature(read, { ...digest(content), algorithm: 'sha3-256' }, publicKey),
          );
          const flipped = Uint8Array.from(read.signature);
          flipped[flipped.length - 1]! ^= 1 + round;
          assert.ok(
            !verifyImaSignature({ ...read, signature: flipped }, digest(content), publicKey),
          );
        }
      }
      const read = readImaSignature(signV3('verity', privateKey, id));
      assert.ok(
        read &&
          verifyImaSignature(read, { algorithm: 'sha256', value: digestOf('verity') }, publicKey),
      );
      assert.ok(
        !verifyImaSignature(
          { ...read, type: DIGSIG },
          { algorithm: 'sha256', value: digestOf('verity') },
          publicKey,
        ),
      );
    });
  }

  it('by another key, of zeros, of r or s out of range, and of what is no DER are not', () => {
    const [, { publicKey }] = PAIRS[1];
    const { privateKey: other } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const digest = { algorithm: 'sha256', value: digestOf('c') };
    const n = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
    for (const der of [
      hex(sign('sha256', Buffer.from('c'), other)),
      '3006020100020100',
      '3006020101020100',
      `3046022100${n}022100${n}`,
      '3006020181020101',
      '30',
      '',
    ]) {
      const read = readImaSignature(header(DIGSIG, 2, 4, Buffer.alloc(4), Buffer.from(der, 'hex')));
      assert.ok(read && !verifyImaSignature(read, digest, publicKey), der);
    }
  });

  it('of SHA-1, of another version or type, and cut anywhere are none', () => {
    const [, { privateKey }] = PAIRS[1];
    const whole = signV2('c', privateKey, Buffer.alloc(4));
    assert.ok(readImaSignature(whole));
    for (let length = 0; length < whole.length; length += 1) {
      assert.equal(readImaSignature(whole.subarray(0, length)), undefined);
    }
    for (const [at, byte] of [
      [0, 1],
      [0, 6],
      [1, 1],
      [1, 4],
      [2, 2],
      [2, 99],
    ] as const) {
      const changed = Buffer.from(whole);
      changed[at] = byte;
      assert.equal(readImaSignature(changed), undefined);
    }
    assert.equal(readImaSignature(Buffer.concat([whole, Buffer.of(0)])), undefined);
  });

  const { publicKey, privateKey } = PAIRS[1][1];
  const { der, keyId } = imaCertificate(publicKey, privateKey, 'File signer');
  const signed = (path: string, xattr: Uint8Array): SampleEntry => ({
    template: 'ima-sig',
    fields: [...fileFields(path), raw(xattr)],
  });
  const byKey = (path: string) => signed(path, signV2(path, privateKey, keyId));
  const loaded = (keyring: string, bytes: Uint8Array = der): SampleEntry => ({
    template: 'ima-buf',
    fields: [named('sha256', hash('sha256', bytes)), name(keyring), raw(bytes)],
  });
  const withKeyring = (keyring: object): ImaPolicy => ({
    mode: 'enforce',
    keyrings: [{ name: '.ima', ...keyring }],
  });

  it("are as good as a listed digest under a keyring's certificate", () => {
    const policy = withKeyring({ certificates: [derPem(der)] });
    assert.deepEqual(codesOf(policy, byKey('/usr/bin/a'), byKey('/usr/bin/b')), []);
    const stolen = signed('/usr/bin/c', signV2('/usr/bin/a', privateKey, keyId));
    assert.deepEqual(codesOf(policy, stolen), ['IMA_SIGNATURE_BAD']);
    const unknown = signed('/usr/bin/d', signV2('/usr/bin/d', privateKey, Buffer.alloc(4)));
    assert.deepEqual(
      codesOf(policy, unknown, { template: 'ima-sig', fields: [...fileFields('/e'), nothing] }),
      ['IMA_FILE_UNKNOWN', 'IMA_FILE_UNKNOWN'],
    );
  });

  it('are believed under a key that the kernel measured being loaded, where a policy allows that', () => {
    const use = [loaded('.ima'), byKey('/usr/bin/a')];
    assert.deepEqual(codesOf(withKeyring({ learn: 'any' }), ...use), []);
    assert.deepEqual(
      codesOf(withKeyring({ learn: 'allowed', allow: [hex(hash('sha256', der))] }), ...use),
      [],
    );
    // Allowed to be there, and not to sign.
    assert.deepEqual(codesOf(withKeyring({ allow: [hex(hash('sha256', der))] }), ...use), [
      'IMA_FILE_UNKNOWN',
    ]);
    assert.deepEqual(codesOf(withKeyring({ learn: 'allowed', allow: ['0'.repeat(64)] }), ...use), [
      'IMA_KEY_UNKNOWN',
      'IMA_FILE_UNKNOWN',
    ]);
    assert.deepEqual(codesOf(withKeyring({ learn: 'any' }), byKey('/usr/bin/a'), loaded('.ima')), [
      'IMA_FILE_UNKNOWN',
    ]);
    assert.deepEqual(
      codesOf(withKeyring({ learn: 'any' }), loaded('._other'), byKey('/usr/bin/a')),
      ['IMA_KEY_UNKNOWN', 'IMA_FILE_UNKNOWN'],
    );
    assert.deepEqual(
      codesOf(withKeyring({ learn: 'any' }), loaded('.ima', Buffer.from('no key')), byKey('/a')),
      ['IMA_FILE_UNKNOWN'],
    );
  });

  it('by a certificate whose key nobody can read are none, and nothing is thrown', () => {
    const unknownCurve = Buffer.from(der);
    unknownCurve[unknownCurve.indexOf('2a8648ce3d030107', 0, 'hex') + 7]! ^= 0x40;
    const use = [loaded('.ima', unknownCurve), byKey('/usr/bin/a')];
    assert.deepEqual(codesOf(withKeyring({ learn: 'any' }), ...use), ['IMA_FILE_UNKNOWN']);
  });

  it('and what the kernel measures of its own is listed by its name', () => {
    const line = loaded('kexec-cmdline', Buffer.from('root=/dev/sda1 ro'));
    assert.deepEqual(codesOf(policyOf(`${DIGEST}  /a\n`), line), ['IMA_BUFFER_UNKNOWN']);
    const digest = hex(hash('sha256', Buffer.from('root=/dev/sda1 ro')));
    assert.deepEqual(codesOf(policyOf(`${digest}  kexec-cmdline\n`), line), []);
  });

  corpusIt(
    'of real files, by RSA and by ECDSA, are valid, and the altered ones are not',
    async () => {
      const folder = 'ima/keylime-test_ima_verification';
      const read = (part: string) => readFileSync(corpusPath(folder, part));
      const { createPublicKey } = await import('node:crypto');
      const { pubkeys } = JSON.parse(read('IMA_KEYRING_STRING.txt').toString()) as {
        pubkeys: string[];
      };
      const keys = pubkeys.map((key) =>
        createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' }),
      );
      const entries = [...imaEntries(read('SIGNATURES.txt'))];
      assert.equal(entries.length, 2);
      for (const [at, { signature, digest }] of entries.entries()) {
        const found = readImaSignature(signature!);
        assert.ok(found && digest);
        assert.deepEqual(
          keys.map((key) => verifyImaSignature(found, digest, key)),
          [at === 0, at === 1],
        );
        const other = Uint8Array.from(digest.value);
        other[0]! ^= 1;
        assert.ok(!verifyImaSignature(found, { ...digest, value: other }, keys[at]!));
      }
    },
  );
});
