import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { appendFile, chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DiskKeyList, ExposureList, Vm, VmStarts } from '@touchstone/schemas';
import { adjacentPorts } from '../support/adjacent-ports.ts';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { attack } from '../support/attack.ts';
import { describeLibvirt } from '../support/describe-libvirt.ts';
import { PERMITS } from '../support/gate-scene.ts';
import { type Impostor, startImpostor, type Tampering } from '../support/impostor.ts';
import { type LibvirtHost, type Said, startLibvirtHost } from '../support/libvirt-host.ts';
import { makeLuksImage } from '../support/luks-image.ts';
import { giveQemuCertificates, TLS_QEMU_CONF } from '../support/qemu-certificates.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

/** The codes that virsh's error names. */
const codeIn = ({ stderr }: Said): string =>
  /Touchstone: (?:request [0-9a-f-]{36}: )?([A-Z_]+): /.exec(stderr)?.[1] ?? '';
const requestIn = ({ stderr }: Said): string => /request ([0-9a-f-]{36}): /.exec(stderr)?.[1] ?? '';

describeLibvirt('VMs of libvirt, gated', () => {
  let data: string;
  let listen: string;
  let touchstone: Touchstone;
  /** Between alpha's agent and the verifier, and honest but where a moment is chosen. */
  let impostor: Impostor;
  let alpha: LibvirtHost;
  let beta: LibvirtHost;
  let agent: AgentHost;
  let target: AgentHost;
  let vm: string;
  let disk: string;
  let kernel: string;

  before(async function () {
    this.timeout(240_000);
    data = await mkdtemp(join(tmpdir(), 'ts-data-'));
    await chmod(data, 0o711);
    listen = `127.0.0.1:${await adjacentPorts()}`;
    [touchstone, alpha, beta] = await Promise.all([
      startTouchstone({ data, listen }),
      startLibvirtHost({ name: 'alpha', qemuConf: TLS_QEMU_CONF }),
      startLibvirtHost({ name: 'beta', qemuConf: TLS_QEMU_CONF }),
    ]);
    giveQemuCertificates([alpha, beta]);
    impostor = await startImpostor(touchstone);
    disk = join(alpha.directory, 'golden.raw');
    kernel = join(alpha.directory, 'vmlinuz');
    await writeFile(disk, Buffer.alloc(65_536, 1));
    await writeFile(kernel, 'the approved kernel');
    const measured = `  - { pcr: 9, file: ${kernel} }\n`;
    [agent, target] = await Promise.all([
      startAgentHost(touchstone, {
        ...{ name: 'alpha', within: alpha.within, config: measured },
        server: impostor.url,
      }),
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
    await Promise.all([alpha?.stop(), beta?.stop(), impostor?.stop(), touchstone?.stop()]);
    await rm(data, { recursive: true, force: true });
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

  it('the same id names one that was permitted, and ended as QEMU had another file open: G14', () =>
    attack('G14', async () => {
      const hook = join(alpha.etc, 'hooks/qemu.d/zz-last');
      const exchange = `cp ${disk} ${disk}.other && mv ${disk}.other ${disk}`;
      await writeFile(hook, `#!/bin/sh\n[ "$2" != prepare ] || { ${exchange}; }\n`, {
        mode: 0o755,
      });
      const refusal = await alpha.virsh('start', 'g');
      await rm(hook);
      assert.equal(await alpha.stateOf('g'), 'shut off');
      assert.equal((await agent.command('attest')).exitCode, 0);
      const { starts } = await touchstone.operator('GET', `/v1/vms/${vm}/starts`, VmStarts);
      const told = starts.find(({ requestId }) => requestId === requestIn(refusal));
      assert.deepEqual([told?.decision, told?.code], ['refused', codeIn(refusal)]);
      assert.match(await agent.log(), new RegExp(`"requestId":"${requestIn(refusal)}"`));
      return { outcome: 'D', code: codeIn(refusal) };
    }));

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
    // Of one machine, alpha sees beta's libvirtd as well, and told of its VM, until it looks again.
    while ((await exposuresOf('alpha')).length > 0)
      assert.equal((await agent.command('attest')).exitCode, 0);
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

  it('a restore from an edited memory, where no disk is sealed, is shown as exposure: G28 (G11)', () =>
    attack('G11', async () => {
      assert.equal((await alpha.virsh('start', 'g')).stderr, '');
      const saved = join(alpha.directory, 'edited.saved');
      await alpha.did('save', 'g', saved);
      await appendFile(saved, 'x');
      assert.equal((await alpha.virsh('restore', saved)).stderr, '');
      const [code = ''] = await exposuresOf('alpha');
      await alpha.did('destroy', 'g');
      return { outcome: 'W', code };
    }));

  it('a migration to a host whose hook was taken away is shown as exposure: G11', () =>
    attack('G11', async () => {
      assert.equal((await alpha.virsh('start', 'g')).stderr, '');
      assert.deepEqual(await exposuresOf('alpha'), []);
      await rm(join(beta.etc, 'hooks/qemu.d/touchstone'));
      assert.equal((await migrate('g')).stderr, '');
      assert.equal(await beta.stateOf('g'), 'running');
      // It looks at each attestation, and when it starts.
      await target.stopAgent();
      await target.startAgent();
      while ((await exposuresOf('beta')).length === 0) {
        assert.equal((await target.command('attest')).exitCode, 0);
      }
      const [code = ''] = await exposuresOf('beta');
      await beta.did('destroy', 'g');
      assert.equal((await target.command('install-hook')).exitCode, 0);
      return { outcome: 'W', code };
    }));

  /** What becomes, while `virsh start` waits, of what the agent asks there. A start that nobody permitted is none. */
  async function startWhile(path: string, asked: Tampering) {
    impostor.tamper(path, async (ask, request) => {
      if (!alpha.processes().some(isHook)) return ask();
      impostor.honest();
      return asked(ask, request);
    });
    const refusal = await alpha.virsh('start', 'g');
    impostor.honest();
    assert.equal(refusal.exitCode, 1, refusal.stderr);
    assert.equal(await alpha.stateOf('g'), 'shut off');
    assert.equal(alpha.qemuPid('g'), null);
    return refusal;
  }

  /** After so long of a start: either it is none, or it was permitted before. */
  async function startAndAfter(ms: number, end: () => Promise<void>) {
    const before = (await permittedStarts()).length;
    const starting = alpha.virsh('start', 'g');
    while (!alpha.processes().some(isHook)) await sleep(1);
    await sleep(ms);
    await end();
    const { exitCode } = await starting;
    if (exitCode === 0) {
      assert.ok((await permittedStarts()).length > before);
      await alpha.did('destroy', 'g');
    } else assert.equal(exitCode, 1);
    assert.equal(alpha.qemuPid('g'), null);
  }

  for (const [moment, path, isAnswered] of [
    ['before it has a challenge', '/v1/start-plans', false],
    ['when it has asked for the permit', PERMITS, false],
    ['when the permit is on its way', PERMITS, true],
  ] as const) {
    const ending =
      (end: () => Promise<void>): Tampering =>
      async (ask) => {
        const answer = isAnswered ? await ask() : null;
        await end();
        return answer ?? ask();
      };
    it(`the agent or the hook, killed ${moment}, starts nothing: G12`, async () => {
      await startWhile(path, ending(killHooks));
      await attack('G12', async () => {
        const refusal = await startWhile(
          path,
          ending(() => agent.stopAgent('SIGKILL')),
        );
        return { outcome: 'D', code: codeIn(refusal) };
      });
      await agent.startAgent();
    });
  }

  it('killed at any other moment, they start nothing that was not permitted: G12', async () => {
    for (let ms = 0; ms < 120; ms += 5 + Math.floor(Math.random() * 25))
      await startAndAfter(ms, killHooks);
    for (let ms = 0; ms < 90; ms += 20 + Math.floor(Math.random() * 30)) {
      await startAndAfter(ms, () => agent.stopAgent('SIGKILL'));
      await agent.startAgent();
    }
    assert.equal((await alpha.virsh('start', 'g')).stderr, '');
    await alpha.did('destroy', 'g');
  });

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

  for (const [moment, path] of [
    ['before the challenge', '/v1/start-plans'],
    ['when the permit was asked for', PERMITS],
  ] as const) {
    it(`the verifier, killed ${moment}, starts nothing: G12`, async () => {
      const { token } = touchstone;
      await attack('G12', async () => {
        const refusal = await startWhile(path, killVerifier);
        return { outcome: 'D', code: codeIn(refusal) };
      });
      await touchstone.stop();
      touchstone = await startTouchstone({ data, listen, token });
    });
  }

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

  /** Of the VM g, by what is said of that host. */
  const exposuresOf = async (name: string): Promise<readonly string[]> => {
    const { exposures } = await touchstone.operator('GET', '/v1/exposures', ExposureList);
    return exposures
      .filter((one) => one.hostName === name && one.vm === vm)
      .map(({ code }) => code);
  };

  /** Whatever became of them. */
  const permittedStarts = async () => {
    const { starts } = await touchstone.operator('GET', `/v1/vms/${vm}/starts`, VmStarts);
    return starts.filter(
      ({ decision, told, definitionDigest }) =>
        decision === 'permitted' || (told === true && definitionDigest !== null),
    );
  };

  const killHooks = async () => {
    for (const pid of alpha.processes().filter(isHook)) process.kill(pid, 'SIGKILL');
  };

  /** Held first, so that it is killed with the question before it. */
  const killVerifier: Tampering = async (ask) => {
    const [pid, ...others] = verifiersOf(data);
    assert.ok(pid !== undefined && others.length === 0);
    process.kill(pid, 'SIGSTOP');
    const asking = ask();
    process.kill(pid, 'SIGKILL');
    return asking;
  };

  const migrate = (name: string) =>
    alpha.virsh(
      ...['migrate', '--live', '--tls', '--tls-destination', 'beta', '--unsafe', name],
      ...[`qemu+unix:///system?socket=${beta.run}/libvirt-sock`],
      ...['--migrateuri', `unix://${beta.run}/migration-${randomUUID().slice(0, 8)}`],
    );
});

const isHook = (pid: number | string): boolean => wordsOf(pid).includes('prepare\0');

const verifiersOf = (data: string): number[] =>
  readdirSync('/proc')
    .filter(
      (pid) => /node\0.*\/server\/main\.ts\0/u.test(wordsOf(pid)) && wordsOf(pid).includes(data),
    )
    .filter((pid) => !wordsOf(pid).startsWith('setpriv'))
    .map(Number);

function wordsOf(pid: number | string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
