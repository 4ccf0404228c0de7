import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Exposure, ExposureList } from '@touchstone/schemas';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { attack } from '../support/attack.ts';
import { describeLibvirt } from '../support/describe-libvirt.ts';
import { type LibvirtHost, startLibvirtHost } from '../support/libvirt-host.ts';
import { type Replica, startReplica } from '../support/replica.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

/** Within this of its beginning, whatever runs without a permit is listed at the server. */
const LISTED_WITHIN_MS = 60_000;
const ATTESTED_EVERY_SECONDS = 10;
const BY_HAND = ['-machine', 'pc,accel=tcg', '-display', 'none', '-S', '-nodefaults'];

/** One scene, told in its order. */
describeLibvirt('What runs on a host of libvirt’s, as the server is told', () => {
  let touchstone: Touchstone;
  let server: Replica;
  let host: LibvirtHost;
  let agent: AgentHost;
  let web: string;
  let stray: string;
  let byHand: ChildProcess | null = null;

  before(async () => {
    const starting = { intervalSeconds: ATTESTED_EVERY_SECONDS };
    [touchstone, host] = await Promise.all([startTouchstone(starting), startLibvirtHost()]);
    server = await startReplica(touchstone);
    agent = await startAgentHost(touchstone, {
      name: 'watched',
      within: host.within,
      server: server.url,
    });
    assert.equal((await agent.command('install-hook')).exitCode, 0);
    web = await host.define({ name: 'web' });
    stray = await host.define({ name: 'stray' });
    await touchstone.addVm({ uuid: web, name: 'web' });
  });
  after(async () => {
    byHand?.kill('SIGKILL');
    await agent?.stop();
    await host?.stop();
    await server?.stop();
    await touchstone?.stop();
  });

  /** `what` is true, or it is too late. */
  const within = async (ms: number, what: () => Promise<boolean>) => {
    for (const deadline = performance.now() + ms; !(await what()); await sleep(200))
      assert.ok(performance.now() < deadline, `not within ${ms} ms: ${what.toString()}`);
  };
  /** What libvirtd keeps of a boot is gone. */
  const bootLibvirtd = async () => {
    await host.stopLibvirtd();
    await rm(join(host.run, 'qemu/autostarted'), { force: true });
    await host.startLibvirtd();
  };
  /** Others of the machine’s processes are none of the test’s. */
  const exposures = async (): Promise<readonly Exposure[]> => {
    const path = '/v1/exposures?name=watched';
    const { exposures: all } = await touchstone.operator('GET', path, ExposureList);
    return all.filter(
      ({ vm, subject }) =>
        [web, stray].includes(vm ?? '') ||
        subject.endsWith(`, for libvirtd ${host.libvirtdPid}`) ||
        subject.endsWith(`, process ${byHand?.pid}`),
    );
  };
  const codes = async () => [...new Set((await exposures()).map(({ code }) => code))].toSorted();

  it('a VM that is to start with it does not while the verifier is away, and does by the gate once it is back', async () => {
    await host.did('autostart', 'web');
    await agent.stopAgent();
    await server.crash();
    await agent.startAgent();
    await bootLibvirtd();
    const refused = async () =>
      (await agent.log()).includes(`VM ${web} does not start: UNREACHABLE`);
    await within(LISTED_WITHIN_MS, refused);
    assert.equal(await host.stateOf('web'), 'shut off');
    server = await startReplica(touchstone, { port: Number(new URL(server.url).port) });
    await within(LISTED_WITHIN_MS, async () => (await host.stateOf('web')) === 'running');
    assert.deepEqual(await exposures(), []);
  });

  it('each road round the hook is listed within a minute, autostart among them, and no VM that was permitted: G11', async () => {
    const [program = '', ...args] = [...host.within, 'qemu-system-x86_64', ...BY_HAND];
    byHand = spawn(program, args, { stdio: 'ignore' });
    await rm(join(host.etc, 'hooks/qemu.d/touchstone'));
    await host.did('autostart', 'stray');
    await bootLibvirtd();
    const begunAt = performance.now();
    await within(LISTED_WITHIN_MS, async () => (await host.stateOf('stray')) === 'running');
    const listed = ['HOOK_MISSING', 'QEMU_BY_HAND', 'VM_WITHOUT_PERMIT'];
    const left = LISTED_WITHIN_MS - (performance.now() - begunAt);
    await within(left, async () => (await codes()).length === listed.length);
    assert.deepEqual(await codes(), listed);
    const found = await exposures();
    assert.equal(found.length, listed.length);
    for (const [code, vm] of [
      ['QEMU_BY_HAND', null],
      ['VM_WITHOUT_PERMIT', stray],
    ] as const) {
      await attack('G11', () => {
        const exposure = found.find((each) => each.code === code);
        assert.equal(exposure?.vm, vm);
        assert.equal(exposure?.from, 'host');
        return { outcome: 'W', code };
      });
    }
  });

  it('and none is once it is mended', async () => {
    byHand?.kill('SIGKILL');
    assert.equal((await agent.command('install-hook')).exitCode, 0);
    await host.reloadLibvirtd();
    await host.did('destroy', 'stray');
    assert.equal((await host.virsh('start', 'stray')).exitCode, 1);
    await within(LISTED_WITHIN_MS, async () => (await exposures()).length === 0);
    assert.equal(await host.stateOf('web'), 'running');
  });
});
