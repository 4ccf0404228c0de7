import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AuditList, DiskKeyList, Vm } from '@touchstone/schemas';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { describeLibvirt } from '../support/describe-libvirt.ts';
import { type LibvirtHost, type Said, startLibvirtHost } from '../support/libvirt-host.ts';
import { makeLuksDisk } from '../support/luks-disk.ts';
import { giveQemuCertificates, TLS_QEMU_CONF } from '../support/qemu-certificates.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const OVMF = '/usr/share/OVMF';
const WAIT_MS = 60_000;

const codeIn = ({ stderr }: Said): string =>
  /Touchstone: (?:request [0-9a-f-]{36}: )?([A-Z_]+): /.exec(stderr)?.[1] ?? '';

describeLibvirt('Guests of libvirt', () => {
  let touchstone: Touchstone;
  let alpha: LibvirtHost;
  let beta: LibvirtHost;
  let agent: AgentHost;
  /** Not trusted at first. */
  let target: AgentHost;

  before(async function () {
    this.timeout(240_000);
    [touchstone, alpha, beta] = await Promise.all([
      startTouchstone(),
      startLibvirtHost({ name: 'alpha', qemuConf: TLS_QEMU_CONF }),
      startLibvirtHost({ name: 'beta', qemuConf: TLS_QEMU_CONF }),
    ]);
    giveQemuCertificates([alpha, beta]);
    [agent, target] = await Promise.all([
      startAgentHost(touchstone, { name: 'alpha', within: alpha.within }),
      startAgentHost(touchstone, { name: 'beta', within: beta.within, trusted: false }),
    ]);
    const hosts = [
      [alpha, agent],
      [beta, target],
    ] as const;
    const install = hosts.map(async ([host, { command }]) => {
      assert.equal((await command('install-hook')).exitCode, 0);
      await host.reloadLibvirtd();
    });
    await Promise.all(install);
  });
  after(async () => {
    await Promise.all([agent?.stop(), target?.stop()]);
    await Promise.all([alpha?.stop(), beta?.stop(), touchstone?.stop()]);
  });

  const starts = async (host: LibvirtHost, name: string, ...options: readonly string[]) => {
    assert.equal((await host.virsh('start', name, ...options)).stderr, '');
    assert.equal(await host.stateOf(name), options.includes('--paused') ? 'paused' : 'running');
  };
  /** To the end of all: libvirt takes longer to end a QEMU than to start it, and one that waits takes no time. */
  const staysStarted = (host: LibvirtHost, name: string) => starts(host, name, '--paused');
  const refusal = async (host: LibvirtHost, name: string) => {
    const said = await host.virsh('start', name);
    assert.equal(said.exitCode, 1);
    assert.equal(await host.stateOf(name), 'shut off');
    assert.equal(host.qemuPid(name), null);
    return said;
  };

  describe('with firmware of their own', () => {
    let loader: string;
    let template: string;
    let images: string[];
    const digestOf = async (path: string) =>
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex');

    before(async () => {
      loader = join(alpha.directory, 'code.fd');
      template = join(alpha.directory, 'vars.fd');
      await copyFile(join(OVMF, 'OVMF_CODE_4M.fd'), loader);
      await copyFile(join(OVMF, 'OVMF_VARS_4M.fd'), template);
      images = await Promise.all([loader, template].map(digestOf));
    });

    const flash = (nvram: string) =>
      `<loader readonly='yes' type='pflash'>${loader}</loader>${nvram}`;
    const variablesOf = (name: string) => join(alpha.lib, 'qemu/nvram', `${name}_VARS.fd`);
    const add = async (name: string, os: string) => {
      const uuid = await alpha.define({ name, os, memoryMib: 64 });
      await touchstone.addVm({ uuid, name, images });
      return uuid;
    };
    /** As the firmware writes them in the guest. */
    const written = async (path: string, before: string) => {
      for (const end = Date.now() + WAIT_MS; (await digestOf(path)) === before; await sleep(50))
        assert.ok(Date.now() < end, 'the firmware writes no variables');
    };

    it('start from a template, and again with the variables that the firmware wrote', async () => {
      await add('g', flash(`<nvram template='${template}'/>`));
      await starts(alpha, 'g');
      await written(variablesOf('g'), await digestOf(template));
      await alpha.did('destroy', 'g');
      await starts(alpha, 'g');
    });

    it('are restored, and start with variables made anew', async () => {
      const saved = join(alpha.directory, 'g.saved');
      await alpha.did('save', 'g', saved);
      assert.equal((await alpha.virsh('restore', saved)).stderr, '');
      assert.equal(await alpha.stateOf('g'), 'running');
      await alpha.did('destroy', 'g');
      await starts(alpha, 'g', '--reset-nvram');
      await alpha.did('destroy', 'g');
    });

    it('start with variables that were there before, whatever is in them, and without any', async () => {
      const own = join(alpha.directory, 'own.fd');
      await copyFile(template, own);
      await add('own', flash(`<nvram>${own}</nvram>`));
      await starts(alpha, 'own');
      await alpha.did('destroy', 'own');
      await writeFile(own, Buffer.alloc((await readFile(own)).length, 0xff));
      await staysStarted(alpha, 'own');
      await add('none', `<loader readonly='yes' type='pflash' stateless='yes'>${loader}</loader>`);
      await staysStarted(alpha, 'none');
    });

    for (const [what, path] of [
      ['firmware', () => loader],
      ['template', () => template],
    ] as const) {
      it(`do not start with another ${what}: IMAGE_NOT_GOLDEN`, async () => {
        const bytes = await readFile(path());
        await writeFile(path(), Buffer.concat([bytes.subarray(0, -1), Buffer.of(1)]));
        assert.equal(codeIn(await refusal(alpha, 'g')), 'IMAGE_NOT_GOLDEN');
        await writeFile(path(), bytes);
      });
    }

    it('do not start where libvirt is to choose the template, until it is named: DEFINITION_UNCOVERED', async () => {
      // Of Debian's own, libvirt knows which template goes with it.
      const debians = `<loader readonly='yes' type='pflash'>${join(OVMF, 'OVMF_CODE_4M.fd')}</loader>`;
      const uuid = await add('untold', debians);
      const said = await refusal(alpha, 'untold');
      assert.equal(codeIn(said), 'DEFINITION_UNCOVERED');
      assert.match(said.stderr, /<nvram template=/u);
      assert.ok(!existsSync(variablesOf('untold')));
      const os = `${debians}<nvram template='${template}'/>`;
      await alpha.define({ name: 'untold', uuid, os });
      await staysStarted(alpha, 'untold');
    });

    it('do not start where libvirt is to choose the firmware: DEFINITION_UNCOVERED', async () => {
      const uuid = await alpha.define({ name: 'chosen', firmware: 'efi' });
      await touchstone.addVm({ uuid, name: 'chosen', images });
      const said = await refusal(alpha, 'chosen');
      assert.equal(codeIn(said), 'DEFINITION_UNCOVERED');
      assert.match(said.stderr, /name <loader> and <nvram template=/u);
    });
  });

  describe('with a sealed disk, moved', () => {
    const vm = randomUUID();

    before(async () => {
      const key = randomBytes(24).toString('base64url');
      const file = join(alpha.directory, 'data.luks');
      await makeLuksDisk(file, Buffer.from(key));
      const disk = { file, secret: randomUUID() };
      for (const host of [alpha, beta]) await host.define({ name: 's', uuid: vm, disks: [disk] });
      const record = { uuid: vm, name: 's', classes: ['software'], hostLabels: {}, images: [] };
      const disks = [{ name: 'vda', kind: 'sealed' }];
      await touchstone.operator('POST', '/v1/vms', Vm, { ...record, disks });
      const setting = { disk: 'vda', key: Buffer.from(key).toString('base64url') };
      await touchstone.operator('POST', `/v1/vms/${vm}/disk-keys`, DiskKeyList, setting);
    });

    const secretsOf = (host: LibvirtHost) => host.did('secret-list');
    const migrate = () =>
      alpha.virsh(
        ...['migrate', '--live', '--tls', '--tls-destination', 'beta', '--unsafe', 's'],
        ...[`qemu+unix:///system?socket=${beta.run}/libvirt-sock`],
        ...['--migrateuri', `unix://${beta.run}/migration-${randomUUID().slice(0, 8)}`],
      );
    const releasedTo = async (host: string): Promise<number> => {
      const { entries } = await touchstone.operator('GET', '/v1/audit', AuditList);
      return entries.filter(
        ({ action, actor }) => action === 'disk-key.release' && actor === `host ${host}`,
      ).length;
    };

    it('neither starts on a host that is not trusted nor is taken in there, and no key is given', async () => {
      assert.equal(codeIn(await refusal(beta, 's')), 'HOST_NOT_TRUSTED');
      await starts(alpha, 's');
      const pid = alpha.qemuPid('s');
      const refused = await migrate();
      assert.deepEqual([refused.exitCode, codeIn(refused)], [1, 'HOST_NOT_TRUSTED']);
      assert.equal(alpha.qemuPid('s'), pid);
      assert.equal(await alpha.stateOf('s'), 'running');
      assert.equal(await secretsOf(beta), '');
      assert.deepEqual([await releasedTo('alpha'), await releasedTo('beta')], [1, 0]);
    });

    it('is taken in by one that is, with its key, and starts there', async () => {
      await touchstone.approveBaselineOf('beta', 'beta');
      assert.equal((await target.command('attest')).exitCode, 0);
      assert.equal((await migrate()).stderr, '');
      assert.equal(await alpha.stateOf('s'), 'shut off');
      assert.equal(await beta.stateOf('s'), 'running');
      assert.equal(await releasedTo('beta'), 1);
      await beta.did('destroy', 's');
      await staysStarted(beta, 's');
      assert.deepEqual([await secretsOf(alpha), await secretsOf(beta)], ['', '']);
      assert.equal(await releasedTo('beta'), 2);
    });
  });
});
