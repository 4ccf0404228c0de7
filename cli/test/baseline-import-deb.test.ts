import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseBaselines } from '@touchstone/appraisal';
import { authenticodeDigest, digestOnceSigned } from '@touchstone/eventlog';
import type { Baseline } from '@touchstone/schemas';
import { hash } from '@touchstone/tpm';
import { madeControl, madeDeb, type MadeEntry } from '../../test/support/made-deb.ts';
import { type MadeImage, madeImage } from '../../test/support/made-image.ts';
import { type ImageSigner, newImageSigner } from '../../test/support/sign-image.ts';
import { EXIT } from '../index.ts';
import { newOperator, type Operator } from './support/operator.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sbat = (component: string) => ({
  name: '.sbat',
  data: utf8(`sbat,1,SBAT Version,sbat,1,url\n${component},1,${component},${component},1,url\n`),
});
const filled = (length: number, value: number) => new Uint8Array(length).fill(value);
/** Of a length that needs no filling before somebody signs it, but for `more` bytes. */
function made(parts: MadeImage, more = 0): Uint8Array {
  const { length } = madeImage(parts);
  return madeImage({ ...parts, trailing: filled((-length & 7) + more, 1) });
}
const image = (component: string, value: number, more = 0) =>
  made({ sections: [{ name: '.text', data: filled(64, value) }, sbat(component)] }, more);
const SHIM = image('shim', 1);
const GRUB = image('grub', 2);
const KERNEL = made({ linuxHeader: true, sections: [{ name: '.text', data: filled(64, 3) }] });
const LOCKING = utf8('CONFIG_SECURITY_LOCKDOWN_LSM=y\nCONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y\n');

describe('touchstone baseline import deb', () => {
  let operator: Operator;
  beforeEach(() => {
    operator = newOperator();
  });
  afterEach(() => operator.leave());

  function write(name: string, bytes: Uint8Array): string {
    const file = join(operator.home, name);
    writeFileSync(file, bytes);
    return file;
  }
  const package_ = (name: string, entries: readonly MadeEntry[], more = {}) =>
    write(
      `${name}.deb`,
      madeDeb(entries, { Package: name, Version: '1.0-1', Architecture: 'amd64', ...more }),
    );
  const run = (files: readonly string[], ...more: readonly string[]) =>
    operator.run(['baseline', 'import', 'deb', ...files, '--name', 'made', '--print', ...more]);
  async function drafted(files: readonly string[], ...more: readonly string[]): Promise<Baseline> {
    const { exit, out } = await run(files, ...more);
    assert.equal(exit, EXIT.yes);
    const [baseline, ...others] = parseBaselines(out);
    assert.deepEqual(others, []);
    assert.ok(baseline);
    return baseline;
  }
  const rulesOf = ({ rules }: Baseline) => new Map(rules.map((rule) => [rule.id, rule]));
  const digestsIn = (baseline: Baseline, id: string) =>
    rulesOf(baseline)
      .get(id)
      ?.allow?.map(({ sha256 }) => sha256);

  const chain = () => [
    package_('linux-image-6.1', [
      { path: './boot/vmlinuz-6.1', data: KERNEL },
      { path: './boot/config-6.1', data: LOCKING },
    ]),
    package_('shim-signed', [{ path: './usr/lib/shim/shimx64.efi.signed', data: SHIM }], {
      'Built-Using': 'shim (= 16.1-2)',
    }),
    package_('grub-signed', [{ path: './usr/lib/grub/grubx64.efi.signed', data: GRUB }]),
  ];

  it('drafts the chain in its order, whatever the order of the files', async () => {
    const baseline = await drafted(chain(), '--label', 'image=made', '--class', 'virtual');
    assert.deepEqual(
      [baseline.part, baseline.name, baseline.version, baseline.banks],
      ['bootChain', 'made', 1, ['sha256']],
    );
    assert.deepEqual(baseline.match, { labels: { image: 'made' }, class: ['virtual'] });
    assert.deepEqual(
      baseline.rules.map(({ id, mode, pcr, type, times }) => [id, mode, pcr, type, times]),
      [
        ['boot-option', 'enforce', 4, 'EV_EFI_ACTION', undefined],
        ['separator', 'enforce', 4, 'EV_SEPARATOR', undefined],
        ['shim', 'enforce', 4, 'EV_EFI_BOOT_SERVICES_APPLICATION', undefined],
        ['grub', 'enforce', 4, 'EV_EFI_BOOT_SERVICES_APPLICATION', undefined],
        ['kernel', 'enforce', 4, 'EV_EFI_BOOT_SERVICES_APPLICATION', 2],
      ],
    );
    assert.deepEqual(rulesOf(baseline).get('shim')?.allow, [
      {
        ...{ sha256: hex(authenticodeDigest(SHIM, 'sha256')), name: 'shimx64.efi' },
        ...{ version: '16.1-2', from: 'shim-signed' },
      },
    ]);
    assert.deepEqual(digestsIn(baseline, 'separator'), [hex(hash('sha256', new Uint8Array(4)))]);
  });

  it('is for hosts with a chip or a virtual one unless told otherwise, in the banks asked for', async () => {
    const baseline = await drafted(chain(), '--bank', 'sha256,sha384', '--version', '7');
    assert.deepEqual(baseline.match, { labels: {}, class: ['discrete', 'firmware', 'virtual'] });
    assert.deepEqual([baseline.banks, baseline.version], [['sha256', 'sha384'], 7]);
    const [grub] = rulesOf(baseline).get('grub')?.allow ?? [];
    assert.equal(grub?.sha384, hex(authenticodeDigest(GRUB, 'sha384')));
  });

  for (const compression of ['xz', 'zstd', 'gzip', 'none'] as const) {
    it(`reads a package that dpkg-deb packed with ${compression}`, async () => {
      const tree = join(operator.home, 'tree');
      const put = (path: string, data: Uint8Array) => {
        mkdirSync(dirname(join(tree, path)), { recursive: true });
        writeFileSync(join(tree, path), data);
      };
      const control = { Package: 'made', Version: '2:1.0-1', Architecture: 'amd64' };
      const person = { Maintainer: 'Nobody <nobody@example.org>', Description: 'made' };
      put('DEBIAN/control', madeControl({ ...control, ...person }));
      put('usr/lib/shim/shimx64.efi.signed', SHIM);
      put(`usr/share/${'long/'.repeat(40)}mmx64.efi`, image('shim', 9));
      const file = join(operator.home, 'made.deb');
      execFileSync('dpkg-deb', ['-Z', compression, '--root-owner-group', '-b', tree, file], {
        stdio: 'ignore',
      });
      const baseline = await drafted([file]);
      assert.deepEqual(digestsIn(baseline, 'shim'), [hex(authenticodeDigest(SHIM, 'sha256'))]);
      assert.equal(rulesOf(baseline).get('shim')?.allow?.[0]?.version, '2:1.0-1');
      const helper = rulesOf(baseline).get('mok-manager');
      assert.equal(helper?.optional, true);
    });
  }

  describe('with an owner who signs', () => {
    let signer: ImageSigner;
    before(() => {
      signer = newImageSigner();
    });
    after(() => signer.leave());

    it('lists what an unsigned image is, and what it is once signed', async () => {
      const unsigned = image('systemd', 5, 3);
      const baseline = await drafted([
        package_('boot', [{ path: './usr/lib/systemd/systemd-bootx64.efi', data: unsigned }]),
      ]);
      const signed = signer.digestOf(signer.sign(unsigned));
      assert.deepEqual(digestsIn(baseline, 'systemd-boot'), [
        hex(authenticodeDigest(unsigned, 'sha256')),
        signed,
      ]);
      assert.equal(signed, hex(digestOnceSigned(unsigned, 'sha256')));
    });
  });

  it('believes a configuration in the package that a kernel locks down, and no name', async () => {
    const lockdownOf = async (config: Uint8Array | undefined, at = './boot/config-6.1') => {
      const baseline = await drafted([
        package_('linux-image-6.1-cloud-amd64', [
          { path: './boot/vmlinuz-6.1', data: KERNEL },
          ...(config === undefined ? [] : [{ path: at, data: config }]),
        ]),
      ]);
      const [kernel] = rulesOf(baseline).get('kernel')?.allow ?? [];
      return [kernel?.lockdown, kernel?.kexec];
    };
    assert.deepEqual(await lockdownOf(LOCKING), [true, undefined]);
    assert.deepEqual(await lockdownOf(undefined), [undefined, undefined]);
    assert.deepEqual(await lockdownOf(LOCKING, './boot/config-6.2'), [undefined, undefined]);
    for (const text of [
      'CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y\n',
      'CONFIG_SECURITY_LOCKDOWN_LSM=y\n# CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT is not set\n',
      '# CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y\n#CONFIG_SECURITY_LOCKDOWN_LSM=y\n',
    ]) {
      assert.deepEqual(await lockdownOf(utf8(text)), [undefined, undefined], text);
    }
    const without = utf8('# CONFIG_KEXEC is not set\n# CONFIG_KEXEC_FILE is not set\n');
    assert.deepEqual(await lockdownOf(without), [undefined, 'absent']);
  });

  it('counts a kernel once where no shim checks it for GRUB, or as often as it is told', async () => {
    const [kernel = '', shim = ''] = chain();
    const times = (baseline: Baseline) => rulesOf(baseline).get('kernel')?.times;
    assert.equal(times(await drafted([kernel])), undefined);
    assert.equal(times(await drafted([kernel, shim])), undefined);
    assert.equal(times(await drafted([kernel, '--kernel-times', '3'])), 3);
  });

  it('allows either of two kernels, and a digest once', async () => {
    const other = made({ linuxHeader: true, sections: [{ name: '.text', data: SHIM }] });
    const baseline = await drafted([
      package_('linux-a', [{ path: './boot/vmlinuz-a', data: KERNEL }]),
      package_('linux-b', [{ path: './boot/vmlinuz-b', data: other }]),
      package_('linux-c', [{ path: './boot/vmlinuz-c', data: KERNEL }]),
    ]);
    const names = rulesOf(baseline)
      .get('kernel')
      ?.allow?.map(({ name }) => name);
    assert.deepEqual(names, ['vmlinuz-a', 'vmlinuz-b']);
  });

  it('takes a unified kernel by itself: PCR 4 enforced, its sections in PCR 11 explained', async () => {
    const unified = made({
      sections: [
        { name: '.linux', data: KERNEL },
        { name: '.cmdline', data: utf8('ro quiet\0') },
        { name: '.uname', data: utf8('6.1.0-56-amd64') },
        sbat('systemd-stub'),
      ],
    });
    const baseline = await drafted([write('linux.efi', unified)]);
    const rules = rulesOf(baseline);
    assert.deepEqual(
      [...rules].map(([id, { pcr, mode, optional }]) => [id, pcr, mode, optional]),
      [
        ['boot-option', 4, 'enforce', undefined],
        ['separator', 4, 'enforce', undefined],
        ['uki', 4, 'enforce', undefined],
        ['uki-kernel', 4, 'enforce', true],
        ...['linux', 'cmdline', 'uname', 'sbat'].flatMap((section) => [
          [`uki.${section}-name`, 11, 'observe', true],
          [`uki.${section}`, 11, 'observe', true],
        ]),
      ],
    );
    assert.deepEqual(rules.get('uki')?.allow, [
      {
        ...{ sha256: hex(authenticodeDigest(unified, 'sha256')), name: 'linux.efi' },
        ...{ version: '6.1.0-56-amd64', from: 'linux.efi' },
      },
    ]);
    assert.deepEqual(digestsIn(baseline, 'uki-kernel'), [
      hex(authenticodeDigest(KERNEL, 'sha256')),
    ]);
    assert.deepEqual(digestsIn(baseline, 'uki.cmdline'), [hex(hash('sha256', utf8('ro quiet\0')))]);
  });

  it('leaves out stubs, drivers, and files that only begin like an image', async () => {
    const driver = madeImage({ subsystem: 11, sections: [{ name: '.text', data: SHIM }] });
    const baseline = await drafted([
      package_('mixed', [
        { path: './usr/lib/linuxx64.efi.stub', data: image('systemd', 6) },
        { path: './usr/lib/ext4_x64.efi', data: driver },
        { path: './usr/share/old.exe', data: utf8('MZ of another age') },
        { path: './usr/lib/Memtest 86+.efi', data: image('memtest', 7) },
      ]),
    ]);
    const rules = rulesOf(baseline);
    assert.deepEqual([...rules.keys()], ['boot-option', 'separator', 'memtest-86-.efi']);
    assert.equal(rules.get('memtest-86-.efi')?.optional, true);
  });

  it('says which package has no image, and is 65 when none has: IMPORT_NO_IMAGE', async () => {
    const [kernel = ''] = chain();
    const meta = package_('linux-image-amd64', [{ path: './usr/share/doc', type: '5' }]);
    const { exit, err } = await run([kernel, meta]);
    assert.equal(exit, EXIT.yes);
    assert.match(err, /^linux-image-amd64: no boot image in it$/mu);
    const none = await run([meta]);
    assert.deepEqual([none.exit, none.out], [EXIT.malformed, '']);
    assert.match(none.err, /IMPORT_NO_IMAGE/u);
  });

  it('is 64 for what is no file: FILE_UNREADABLE', async () => {
    execFileSync('mkfifo', [join(operator.home, 'pipe')]);
    for (const file of ['/nowhere', operator.home, '/dev/null', join(operator.home, 'pipe')]) {
      const { exit, out, err } = await run([file]);
      assert.deepEqual([exit, out], [EXIT.usage, '']);
      assert.match(err, /FILE_UNREADABLE/u);
    }
  });

  it('names the file that is malformed, in words and with --json', async () => {
    const [kernel = ''] = chain();
    const bad = write('bad.deb', utf8('!<arch>\nnot'));
    const { exit, out, err } = await run([kernel, bad, '--json']);
    assert.deepEqual([exit, err], [EXIT.malformed, '']);
    const error = { code: 'DEB_MEMBER_HEADER', field: 'header', offset: 11, file: bad };
    assert.deepEqual(JSON.parse(out), { error });
    const people = await run([bad]);
    assert.match(people.err, /DEB_MEMBER_HEADER/u);
    assert.ok(people.err.replaceAll(/\s+/gu, ' ').includes(`${bad}: header at byte 11`));
  });

  it('writes nothing anywhere', async () => {
    const files = chain();
    const before = readdirSync(operator.home);
    await run([
      ...files,
      package_('upwards', [
        { path: '../../escaped.efi', data: SHIM },
        { path: './boot/vmlinuz-9', data: KERNEL },
      ]),
    ]);
    assert.deepEqual(readdirSync(operator.home).toSorted(), [...before, 'upwards.deb'].toSorted());
  });
});
