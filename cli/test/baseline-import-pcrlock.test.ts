import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseBaselines } from '@touchstone/appraisal';
import type { Baseline } from '@touchstone/schemas';
import { hashHex } from '@touchstone/tpm';
import { EXIT } from '../index.ts';
import { newOperator, type Operator } from './support/operator.ts';

const ascii = (text: string) => Buffer.from(text, 'latin1');
const d = (text: string) => hashHex('sha256', ascii(text));
const record = (pcr: number, digest: string, more = {}) => ({
  pcr,
  digests: [
    { hashAlg: 'sha1', digest: 'ab'.repeat(20) },
    { hashAlg: 'sha256', digest },
  ],
  ...more,
});
const CALLING = d('Calling EFI Application from Boot Option');
const SEPARATOR = hashHex('sha256', new Uint8Array(4));

describe('touchstone baseline import pcrlock', () => {
  let operator: Operator;
  beforeEach(() => {
    operator = newOperator();
  });
  afterEach(() => operator.leave());

  function write(path: string, value: unknown): string {
    const file = join(operator.home, 'pcrlock.d', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
    return file;
  }
  const component = (path: string, ...records: readonly object[]) => write(path, { records });
  const run = (files: readonly string[], ...more: readonly string[]) =>
    operator.run(['baseline', 'import', 'pcrlock', ...files, '--name', 'p', '--print', ...more]);
  async function drafted(
    files: readonly string[],
    ...more: readonly string[]
  ): Promise<Baseline[]> {
    const { exit, out, err } = await run(files, ...more);
    assert.equal(exit, EXIT.yes, err);
    return parseBaselines(out);
  }
  const rulesOf = (baselines: readonly Baseline[]) =>
    baselines.flatMap(({ part, rules }) =>
      rules.map(({ id, pcr, type, times, optional, allow = [] }) => ({
        ...{ part, id, pcr, type },
        ...(times === undefined ? {} : { times }),
        ...(optional === undefined ? {} : { optional }),
        allow: allow.map(({ sha256 }) => sha256),
      })),
    );
  const PROGRAM = 'EV_EFI_BOOT_SERVICES_APPLICATION';

  it('makes a rule of each measurement, typed by what it is or by its component', async () => {
    const files = [
      component('350-action-efi-application.pcrlock', record(4, CALLING)),
      component('500-separator.pcrlock', record(0, SEPARATOR), record(4, SEPARATOR)),
      component('600-gpt.pcrlock', record(5, d('gpt'))),
      component('240-secureboot-policy.pcrlock', record(7, d('PK')), record(7, d('db'))),
      component('620-secureboot-authority.pcrlock', record(7, d('cert'))),
      component('650-uki.pcrlock', record(4, d('uki')), record(11, d('.linux\0'))),
      component('710-kernel-cmdline.pcrlock', record(9, d('ro'))),
    ];
    const baselines = await drafted(files, '--label', 'os=fedora', '--class', 'virtual');
    assert.deepEqual(baselines[0]?.match, { labels: { os: 'fedora' }, class: ['virtual'] });
    const once = (part: string, id: string, pcr: number, type: string, digest: string) => ({
      ...{ part, id, pcr, type, allow: [digest] },
    });
    const [boot, secure] = ['bootChain', 'secureBoot'];
    const policy = 'EV_EFI_VARIABLE_DRIVER_CONFIG';
    assert.deepEqual(rulesOf(baselines), [
      once(secure, '240-secureboot-policy', 7, policy, d('PK')),
      once(secure, '240-secureboot-policy.2', 7, policy, d('db')),
      once(secure, '620-secureboot-authority', 7, 'EV_EFI_VARIABLE_AUTHORITY', d('cert')),
      once(boot, '350-action-efi-application', 4, 'EV_EFI_ACTION', CALLING),
      once(boot, '500-separator', 4, 'EV_SEPARATOR', SEPARATOR),
      once(boot, '600-gpt', 5, 'EV_EFI_GPT_EVENT', d('gpt')),
      once(boot, '650-uki', 4, PROGRAM, d('uki')),
      once(boot, '650-uki.2', 11, 'EV_IPL', d('.linux\0')),
      once(boot, '710-kernel-cmdline', 9, 'EV_EVENT_TAG', d('ro')),
      once('firmware', '500-separator', 0, 'EV_SEPARATOR', SEPARATOR),
    ]);
  });

  it('gives the same rules whatever the order of the files, and of a list without its object', async () => {
    const files = [
      component('630-shim.pcrlock', record(4, d('shim'))),
      write('650-kernel.pcrlock', [record(4, d('kernel'), { recnum: 3, content: {} })]),
    ];
    const baselines = await drafted(files);
    assert.equal(rulesOf(baselines).length, 2);
    assert.deepEqual(await drafted(files.toReversed()), baselines);
  });

  it('takes any of the files of a folder: what all have is required, of the rest one lot', async () => {
    const [name, content] = [d('.linux\0'), (kernel: string) => d(`kernel ${kernel}`)];
    const variant = (kernel: string, ...more: readonly object[]) =>
      component(
        `650-uki.pcrlock.d/${kernel}.pcrlock`,
        record(4, d(kernel)),
        record(11, name),
        record(11, content(kernel)),
        ...more,
      );
    const two = rulesOf(await drafted([variant('6.1'), variant('6.2')]));
    assert.deepEqual(two, [
      { part: 'bootChain', id: '650-uki', pcr: 4, type: PROGRAM, allow: [d('6.1'), d('6.2')] },
      { part: 'bootChain', id: '650-uki.2', pcr: 11, type: 'EV_IPL', allow: [name] },
      {
        ...{ part: 'bootChain', id: '650-uki.3', pcr: 11, type: 'EV_IPL' },
        allow: [content('6.1'), content('6.2')],
      },
    ]);
    const longer = variant('6.2', record(11, d('.ucode\0')), record(11, name));
    const uneven = rulesOf(await drafted([variant('6.1'), longer]));
    assert.deepEqual(
      uneven.map(({ pcr, optional, allow }) => [pcr, optional, allow.length]),
      [[4, undefined, 2], ...Array.from({ length: 4 }, () => [11, true, 1])],
    );
  });

  it('counts what a component measures twice', async () => {
    const files = [component('650-kernel.pcrlock', record(4, d('k')), record(4, d('k')))];
    assert.deepEqual(
      rulesOf(await drafted(files)).map(({ times }) => times),
      [2],
    );
  });

  it('leaves out what has no type, and says so; is 65 where nothing is left: IMPORT_NO_RULE', async () => {
    const firmware = component('250-firmware-code-early.pcrlock', record(0, d('blob')));
    const phase = component('750-enter-initrd.pcrlock', record(11, d('enter-initrd')));
    const shim = component('630-shim.pcrlock', record(4, d('shim')));
    const { exit, err } = await run([firmware, phase, shim]);
    assert.equal(exit, EXIT.yes);
    assert.match(err, /^250-firmware-code-early, PCR 0: left out/mu);
    assert.match(err, /^750-enter-initrd, PCR 11: left out/mu);
    const none = await run([firmware, phase]);
    assert.deepEqual([none.exit, none.out], [EXIT.malformed, '']);
    assert.match(none.err, /IMPORT_NO_RULE/u);
  });

  const ONE = { pcr: 4, digests: [{ hashAlg: 'sha256', digest: d('x') }] };
  for (const [given, value, code, field, offset] of [
    ['no JSON', '{"records":', 'PCRLOCK_JSON', 'JSON_SYNTAX', undefined],
    ['no bytes', '', 'PCRLOCK_JSON', 'JSON_SYNTAX', 0],
    ['a key twice', '{"records":[],"records":[]}', 'PCRLOCK_JSON', 'JSON_DUPLICATE_KEY', undefined],
    ['a text', '"x"', 'PCRLOCK_SHAPE', 'file', 0],
    ['an object of something else', {}, 'PCRLOCK_SHAPE', '/records', 0],
    ['a member nobody knows', { records: [], x: 1 }, 'PCRLOCK_SHAPE', '/x', 0],
    ['a record that is none', { records: [1] }, 'PCRLOCK_SHAPE', '/records/0', 0],
    ['PCR 24', [{ ...ONE, pcr: 24 }], 'PCRLOCK_SHAPE', '/0/pcr', 0],
    ['PCR -1', [{ ...ONE, pcr: -1 }], 'PCRLOCK_SHAPE', '/0/pcr', 0],
    ['no digests', [{ pcr: 4 }], 'PCRLOCK_SHAPE', '/0/digests', 0],
    [
      'a digest that is too short',
      [{ pcr: 4, digests: [{ hashAlg: 'sha256', digest: 'ab' }] }],
      ...(['PCRLOCK_SHAPE', '/0/digests/0/digest', 0] as const),
    ],
    [
      'two digests of one bank',
      [{ pcr: 4, digests: [...ONE.digests, ...ONE.digests] }],
      ...(['PCRLOCK_SHAPE', '/0/digests/1', 0] as const),
    ],
    ['5,000 records', Array.from({ length: 5_000 }, () => ONE), 'PCRLOCK_TOO_LARGE', 'file', 0],
  ] as const) {
    it(`refuses ${given}: ${code}`, async () => {
      const file = write('650-bad.pcrlock', value);
      const { exit, out, err } = await run([file, '--json']);
      assert.deepEqual([exit, err], [EXIT.malformed, '']);
      const { error } = JSON.parse(out) as { error: Record<string, unknown> };
      assert.deepEqual([error['code'], error['field'], error['file']], [code, field, file]);
      assert.equal(error['offset'], offset ?? error['offset']);
    });
  }

  for (const [given, files, code] of [
    [
      'a record without a digest in the bank asked for',
      () => [component('630-a.pcrlock', { pcr: 4, digests: [] })],
      'PCRLOCK_DIGEST_MISSING',
    ],
    [
      'a component of two folders',
      () => [
        component('etc/630-a.pcrlock', record(4, d('a'))),
        component('usr/630-a.pcrlock', record(4, d('b'))),
      ],
      'PCRLOCK_COMPONENT_TWICE',
    ],
    [
      'one measurement of two components',
      () => [
        component('630-a.pcrlock', record(4, d('a'))),
        component('640-b.pcrlock', record(4, d('a'))),
      ],
      'PCRLOCK_DIGEST_TWICE',
    ],
  ] as const) {
    it(`refuses ${given}: ${code}`, async () => {
      const { exit, out } = await run([...files(), '--json']);
      assert.equal(exit, EXIT.malformed);
      assert.equal((JSON.parse(out) as { error: { code: string } }).error.code, code);
    });
  }
});
