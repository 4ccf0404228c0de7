import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentStatus, HostDetail, type OnLoss, Vm } from '@touchstone/schemas';
import { type AgentHost, type Running, startAgentHost } from '../support/agent-host.ts';
import { attack } from '../support/attack.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

/** By default a host has done what is ordered within this of the loss. */
const WITHIN_MS = 30_000;
/** A command that prints that it runs, and waits. It is no hypervisor by its name: `run` told which process it is. */
const GUEST = ['/bin/sh', '-c', 'echo running; exec sleep 1000'];

describe('Hosts that lose their trust while VMs run', function () {
  let touchstone: Touchstone;
  const hosts: AgentHost[] = [];
  const running: Running[] = [];

  before(async function () {
    this.timeout(240_000);
    touchstone = await startTouchstone();
  });

  after(async () => {
    for (const { child } of running) child.kill('SIGKILL');
    await Promise.all(hosts.map((host) => host.stop()));
    await touchstone.stop();
  });

  const trustedHost = async (name: string): Promise<AgentHost> => {
    // The machine's own processes, among which the VM's are.
    const host = await startAgentHost(touchstone, {
      name,
      watch: { libvirtState: '/nonexistent' },
    });
    hosts.push(host);
    return host;
  };

  const startVm = async (host: AgentHost, name: string, onLoss: OnLoss) => {
    const vm = randomUUID();
    const record = { uuid: vm, name, classes: ['software'], hostLabels: {}, images: [], onLoss };
    await touchstone.operator('POST', '/v1/vms', Vm, record);
    const started = host.start(vm, GUEST);
    running.push(started);
    await new Promise((resolve) => started.child.stdout?.once('data', resolve));
    assert.ok((await vmsOf(host)).some((each) => each.vm === vm && !each.paused));
    return { vm, ...started };
  };

  const vmsOf = async (host: AgentHost) => {
    const { stdout } = await host.command('status', '--json');
    const { gate } = JSON.parse(stdout) as AgentStatus;
    return gate?.running ?? [];
  };

  it('have them paused or shut down within 30 s, and nobody resumes them: G16', async () => {
    const [revoked, changed] = await Promise.all([trustedHost('revoked'), trustedHost('changed')]);
    const [payroll, shop] = await Promise.all([
      startVm(revoked, 'payroll', 'pause'),
      startVm(changed, 'shop', 'shutdown'),
    ]);
    await attack('G16', async () => {
      const isPaused = async () =>
        (await vmsOf(revoked)).some((each) => each.vm === payroll.vm && each.paused);
      const byOperator = async () => {
        const lostAt = performance.now();
        const path = `/v1/hosts/${revoked.hostId}/revocation`;
        await touchstone.operator('POST', path, HostDetail, { reason: 'stolen' });
        while (!(await isPaused())) {
          assert.ok(performance.now() - lostAt < WITHIN_MS, 'the VM still runs');
          await sleep(500);
        }
      };
      const byItsEvidence = async () => {
        // kexec, or root: what is measured has changed, and the next evidence shows it.
        await changed.reboot({ change: 'nested = yes\n' });
        const late = sleep(WITHIN_MS, 'the VM still runs', { ref: false });
        assert.notEqual(await Promise.race([shop.ended, late]), 'the VM still runs');
        assert.ok(!(await vmsOf(changed)).some((each) => each.vm === shop.vm));
      };
      await Promise.all([byOperator(), byItsEvidence()]);
      assert.ok(await isPaused());
      return { outcome: 'HOLDS' };
    });
    // Whoever resumes it is a person.
    process.kill(payroll.child.pid ?? 0, 'SIGCONT');
  });
});
