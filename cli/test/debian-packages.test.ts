import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseBaselines } from '@touchstone/appraisal';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { packagesIt } from '../../test/support/debian-mirror.ts';
import { EXIT } from '../index.ts';
import { newOperator } from './support/operator.ts';

/** What boots/README.md says that boots/a-sb-on was booted from. */
const A_SB_ON = [
  'shim-signed=1.51~1+deb12u1+16.1-2~deb12u1',
  'grub-efi-amd64-signed=1+2.06+13+deb12u2',
  'linux-image-6.1.0-56-cloud-amd64=6.1.192-2',
];

type Report = {
  readonly findings: readonly {
    readonly code: string;
    readonly effect: string;
    readonly event?: { readonly pcr: number };
  }[];
  readonly bootState: { readonly kexec: string; readonly images: readonly { name?: string }[] };
};

describe('packages of Debian', () => {
  const operator = newOperator();
  after(() => operator.leave());
  const draft = (files: readonly string[]) =>
    operator.run(['baseline', 'import', 'deb', ...files, '--name', 'debian', '--print']);

  packagesIt(
    'give the digests that osslsigncode calculates of their images',
    ['grub-efi-amd64-signed', 'systemd-boot-efi'],
    async (files, folder) => {
      const { exit, out } = await draft(files);
      assert.equal(exit, EXIT.yes);
      const listed = parseBaselines(out).flatMap(({ rules }) =>
        rules.flatMap(({ allow = [] }) => allow.map(({ name, sha256 }) => [name, sha256] as const)),
      );
      for (const file of files) execFileSync('dpkg-deb', ['-x', file, join(folder, 'tree')]);
      const signed = globSync('tree/usr/lib/grub/*/*.signed', { cwd: folder });
      assert.ok(signed.length > 0);
      for (const image of signed) {
        // Its chain is unknown there, which says nothing of the digest.
        const { stdout: said } = spawnSync('osslsigncode', ['verify', '-in', join(folder, image)], {
          encoding: 'utf8',
        });
        const [, digest = ''] = /Calculated message digest *: ([0-9A-F]{64})/u.exec(said) ?? [];
        const name = basename(image, '.signed');
        assert.deepEqual(
          listed.filter(([one]) => one === name),
          [[name, digest.toLowerCase()]],
        );
      }
      const [unsigned] = globSync('tree/usr/lib/systemd/boot/efi/systemd-boot*.efi', {
        cwd: folder,
      });
      assert.ok(unsigned && readFileSync(join(folder, unsigned)).length > 0);
      assert.ok(listed.some(([one]) => one === basename(unsigned)));
    },
  );
});

describeCorpus('packages that a recorded boot was booted from', () => {
  const operator = newOperator();
  after(() => operator.leave());

  packagesIt('explain PCR 4 of boots/a-sb-on by themselves', A_SB_ON, async (files) => {
    const drafted = await operator.run([
      ...['baseline', 'import', 'deb', ...files, '--name', 'debian-12-cloud', '--print'],
    ]);
    assert.equal(drafted.exit, EXIT.yes);
    const [baseline] = parseBaselines(drafted.out);
    const versions = baseline?.rules.flatMap(({ allow = [] }) =>
      allow.flatMap(({ name, version, from, lockdown }) =>
        version === undefined ? [] : [[name, version, from, lockdown]],
      ),
    );
    const grub = ['2.06-13+deb12u2', 'grub-efi-amd64-signed', undefined];
    const kernel = 'linux-image-6.1.0-56-cloud-amd64';
    assert.deepEqual(versions, [
      ['shimx64.efi', '16.1-2~deb12u1', 'shim-signed', undefined],
      ...['gcdx64', 'grubnetx64-installer', 'grubnetx64', 'grubx64'].map((name) => [
        `${name}.efi`,
        ...grub,
      ]),
      ['vmlinuz-6.1.0-56-cloud-amd64', '6.1.192-2', kernel, true],
    ]);
    const yaml = join(operator.home, 'b.yaml');
    writeFileSync(yaml, drafted.out);
    const log = corpusPath('boots/a-sb-on/binary_bios_measurements');
    const { out } = await operator.run(['appraise', '--log', log, '--baseline', yaml, '--json']);
    const { findings, bootState } = JSON.parse(out) as Report;
    assert.ok(findings.length > 0 && findings.every(({ code }) => code === 'EVENT_UNEXPLAINED'));
    assert.ok(findings.every(({ event }) => event !== undefined && event.pcr !== 4));
    assert.equal(bootState.kexec, 'locked-down');
    assert.deepEqual(
      [...new Set(bootState.images.map(({ name }) => name))],
      ['shimx64.efi', 'grubx64.efi', 'vmlinuz-6.1.0-56-cloud-amd64'],
    );
  });
});
