import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DiskKeyList, Vm, VmStarts } from '@touchstone/schemas';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { attack } from '../support/attack.ts';
import { describeLibvirt } from '../support/describe-libvirt.ts';
import { type LibvirtHost, type Said, startLibvirtHost } from '../support/libvirt-host.ts';
import { makeLuksImage } from '../support/luks-image.ts';
import { giveQemuCertificates, TLS_QEMU_CONF } from '../support/qemu-certificates.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

/** The codes that virsh's error names. */
const codeIn = ({ stderr }: Said): string =>
  /Touchstone: (?:request [0-9a-f-]{36}: )?([A-Z_]+): /.exec(stderr)?.[1] ?? '';
const requestIn = ({ stderr }: Said): string => /request ([0-9a-f-]{36}): /.exec(stderr)?.[1] ?? '';

describeLibvirt('VMs of libvirt, gated', () => {
  let touchstone: Touchstone;
  let alpha: LibvirtHost;
  let beta: LibvirtHost;
  let agent: AgentHost;
  let target: AgentHost;
  let vm: string;
  let disk: string;
  let kernel: string;

  before(async () => {
    [touchstone, alpha, beta] = await Promise.all([
      startTouchstone(),
      startLibvirtHost({ name: 'alpha', qemuConf: TLS_QEMU_CONF }),
      startLibvirtHost({ name: 'beta', qemuConf: TLS_QEMU_CONF }),
    ]);
    giveQemuCertificates([alpha, beta]);
    disk = join(alpha.directory, 'golden.raw');
    kernel = join(alpha.directory, 'vmlinuz');
    await writeFile(disk, Buffer.alloc(65_536, 1));
    await writeFile(kernel, 'the approved kernel');
    const measured = `  - { pcr: 9, file: ${kernel} }\n`;
    [agent, target] = await Promise.all([
      startAgentHost(touchstone, { name: 'alpha', within: alpha.within, config: measured }),
      startAgentHost(touchstone, { name: 'beta', within: beta.within, trusted: false }),
    ]);
    await Promise.all(
      (
        [
          [alpha, agent],
          [beta, target],
        ] as const
      ).map(async ([host, { command }]) => {
        assert.equal((await command('install-hook')).exitCode, 0);
        await host.reloadLibvirtd();
      }),
    );
    vm = await alpha.define({ name: 'g', disks: [{ file: disk, further: '<readonly/>' }] });
    const golden = createHash('sha256')
      .update(await readFile(disk))
      .digest('hex');
    await touchstone.addVm({ uuid: vm, name: 'g', images: [golden] });
  });
  after(async () => {
    await Promise.all([agent?.stop(), target?.stop()]);
    await Promise.all([alpha?.stop(), beta?.stop(), touchstone?.stop()]);
  });

  it('one id names a refusal in virsh’s error, in the agent’s journal and at the server', async () => {
    const stranger = await alpha.define({ name: 'stranger' });
    const refusedBefore = await alpha.virsh('start', 'stranger');
    assert.equal(codeIn(refusedBefore), 'VM_UNKNOWN');
    assert.match(refusedBefore.stderr, /To do: Register it/);
    await touchstone.addVm({ uuid: stranger, name: 'stranger', classes: ['discrete'] });
    const refusal = await alpha.virsh('start', 'stranger');
    assert.equal(codeIn(refusal), 'CLASS_NOT_ACCEPTED');
    const { starts } = await touchstone.operator('GET', `/v1/vms/${stranger}/starts`, VmStarts);
    assert.ok(starts.some(({ requestId }) => requestId === requestIn(refusal)));
    assert.match(await agent.log(), new RegExp(`"requestId":"${requestIn(refusal)}"`));
    await alpha.did('undefine', 'stranger');
  });

  it('does not migrate to a host that is not trusted; the VM runs on where it was: G15', () =>
    attack('G15', async () => {
      assert.equal((await alpha.virsh('start', 'g')).stderr, '');
      const pid = alpha.qemuPid('g');
      const refusal = await migrate('g');
      assert.equal(refusal.exitCode, 1);
      assert.equal(await alpha.stateOf('g'), 'running');
      assert.equal(alpha.qemuPid('g'), pid);
      assert.equal(await beta.stateOf('g'), 'gone');
      return { outcome: 'D', code: codeIn(refusal) };
    }));

  it('migrates by TLS to one that is, and only so', async () => {
    await touchstone.approveBaselineOf('beta', 'beta');
    assert.equal((await target.command('attest')).exitCode, 0);
    const conf = join(beta.etc, 'qemu.conf');
    const text = await readFile(conf, 'utf8');
    await writeFile(conf, text.replace('migrate_tls_force = 1', 'migrate_tls_force = 0'));
    assert.equal(codeIn(await migrate('g')), 'MIGRATION_NOT_ENCRYPTED');
    await writeFile(conf, text);
    assert.equal((await migrate('g')).stderr, '');
    assert.equal(await beta.stateOf('g'), 'running');
    assert.equal(await alpha.stateOf('g'), 'shut off');
    await beta.did('destroy', 'g');
  });

  it('opens a sealed disk by the key that came with the permit, and not for an edited memory: G28', () =>
    attack('G28', async () => {
      const luks = join(alpha.directory, 'data.luks');
      const key = randomBytes(24).toString('base64url');
      makeLuksImage(luks, key);
      const sealed = await alpha.define({
        name: 's',
        disks: [{ file: luks, secret: randomUUID() }],
      });
      const record = { uuid: sealed, name: 's', classes: ['software'], hostLabels: {}, images: [] };
      const disks = [{ name: 'vda', kind: 'sealed' }];
      await touchstone.operator('POST', '/v1/vms', Vm, { ...record, disks });
      assert.equal(codeIn(await alpha.virsh('start', 's')), 'DISK_KEY_UNAVAILABLE');
      const setting = { disk: 'vda', key: Buffer.from(key).toString('base64url') };
      await touchstone.operator('POST', `/v1/vms/${sealed}/disk-keys`, DiskKeyList, setting);
      assert.equal((await alpha.virsh('start', 's')).stderr, '');
      const saved = join(alpha.directory, 's.saved');
      await alpha.did('save', 's', saved);
      assert.equal((await alpha.virsh('restore', saved)).stderr, '');
      await alpha.did('save', 's', saved);
      await appendFile(saved, 'x');
      const refusal = await alpha.virsh('restore', saved);
      assert.equal(refusal.exitCode, 1);
      assert.equal(await alpha.stateOf('s'), 'shut off');
      assert.equal(await alpha.did('secret-list'), '');
      for (const name of ['server', 'ca', 'postgres'] as const)
        assert.ok(!(await touchstone.log(name)).includes(key));
      assert.ok(!(await agent.log()).includes(key));
      return { outcome: 'D', code: codeIn(refusal) };
    }));

  it('killing the agent or the verifier while libvirt waits starts nothing: G12', () =>
    attack('G12', async () => {
      // The verifier is held, so that the agent waits for it when it is killed.
      const { agentPid = 0 } = agent;
      process.kill(agentPid, 'SIGSTOP');
      const starting = alpha.virsh('start', 'g');
      while (!alpha.processes().some((pid) => isHook(pid))) await sleep(5);
      await agent.stopAgent('SIGKILL');
      const refusal = await starting;
      assert.equal(refusal.exitCode, 1);
      assert.equal(await alpha.stateOf('g'), 'shut off');
      await agent.startAgent();
      return { outcome: 'D', code: codeIn(refusal) };
    }));

  it('a host that went bad starts by no door what it ran when it was good: OSSN-0059 (G1)', async () => {
    assert.equal((await alpha.virsh('start', 'g')).stderr, '');
    const saved = join(alpha.directory, 'g.saved');
    await alpha.did('save', 'g', saved);
    await alpha.did('autostart', 'g');

    await attack('G1', async () => {
      await writeFile(kernel, 'another kernel');
      await agent.reboot();
      const refusals = new Map<string, Said>();
      refusals.set('start', await alpha.virsh('start', 'g'));
      refusals.set('restore', await alpha.virsh('restore', saved));
      await alpha.stopLibvirtd();
      await rm(join(alpha.run, 'qemu/autostarted'), { force: true });
      await alpha.startLibvirtd();
      assert.equal(await alpha.stateOf('g'), 'shut off');
      const xml = join(alpha.directory, 'g.xml');
      await alpha.did('autostart', '--disable', 'g');
      await alpha.did('undefine', 'g');
      refusals.set('create', await alpha.virsh('create', xml));
      await alpha.did('define', xml);
      const { command, started } = agent.probe();
      const ran = await agent.run(vm, command);
      assert.ok(!started());
      for (const [door, refusal] of refusals) {
        assert.equal(refusal.exitCode, 1, door);
        assert.ok(
          ['HOST_NOT_TRUSTED', 'EVENT_DIFFERS'].includes(codeIn(refusal)),
          `${door}: ${refusal.stderr}`,
        );
        assert.match(refusal.stderr, /To do: /, door);
      }
      assert.equal(alpha.qemuPid('g'), null);
      return { outcome: 'D', code: ran.codes[0] ?? '' };
    });

    await writeFile(kernel, 'the approved kernel');
    await agent.reboot();
    assert.equal((await alpha.virsh('start', 'g')).stderr, '');
    await alpha.did('destroy', 'g');
  });

  it('nor from a disk that was swapped while it was off', async () => {
    await writeFile(disk, Buffer.alloc(65_536, 2));
    const refusal = await alpha.virsh('start', 'g');
    assert.equal(codeIn(refusal), 'IMAGE_NOT_GOLDEN');
    assert.equal(await alpha.stateOf('g'), 'shut off');
    await writeFile(disk, Buffer.alloc(65_536, 1));
  });

  it('restarting libvirtd with the verifier away ends no VM that runs', async () => {
    assert.equal((await alpha.virsh('start', 'g')).stderr, '');
    const pid = alpha.qemuPid('g');
    await touchstone.stop();
    await alpha.stopLibvirtd();
    await alpha.startLibvirtd();
    assert.equal(alpha.qemuPid('g'), pid);
    assert.equal(await alpha.stateOf('g'), 'running');
    await alpha.did('destroy', 'g');
    const refusal = await alpha.virsh('start', 'g');
    assert.equal(refusal.exitCode, 1);
    assert.equal(await alpha.stateOf('g'), 'shut off');
  });

  const migrate = (name: string) =>
    alpha.virsh(
      ...['migrate', '--live', '--tls', '--tls-destination', 'beta', '--unsafe', name],
      ...[`qemu+unix:///system?socket=${beta.run}/libvirt-sock`],
      ...['--migrateuri', `unix://${beta.run}/migration-${randomUUID().slice(0, 8)}`],
    );
});

function isHook(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('prepare\0');
  } catch {
    return false;
  }
}
