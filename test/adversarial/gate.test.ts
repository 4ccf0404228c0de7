import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PermitClaims } from '@touchstone/schemas';
import { startAgentHost } from '../support/agent-host.ts';
import { attack } from '../support/attack.ts';
import { type GateScene, PERMITS, startGateScene, withPermit } from '../support/gate-scene.ts';
import { readJws } from '../support/jws.ts';
import { extendPcr, suspendTpm } from '../support/suspended-tpm.ts';

const PLANS = '/v1/start-plans';

const bootOf = (permit: string) => (readJws(permit).claims as PermitClaims)['touchstone.boot'];

describe('The start gate and reboots', () => {
  let scene: GateScene;
  before(async function () {
    this.timeout(90_000);
    scene = await startGateScene('reboots');
  });
  after(() => scene?.stop());
  afterEach(() => scene.impostor.honest());

  it('starts a VM on a host that proves itself, as often as it proves itself', async () => {
    const vm = await scene.newVm();
    await scene.permitted(vm);
    await scene.permitted(vm);
    assert.deepEqual(await scene.decisionsOf(vm), ['permitted', 'permitted']);
  });

  it('starts a VM where the host booted the same', async () => {
    const vm = await scene.newVm();
    await scene.host.reboot();
    await scene.permitted(vm);
  });

  it('starts no VM again, once trusted, where the host then booted something else: G1 (OSSN-0059)', async function () {
    this.timeout(90_000);
    const { touchstone, permitted, newVm, decisionsOf } = scene;
    const vm = await newVm();
    const host = await startAgentHost(touchstone, { name: 'ossn-0059' });
    try {
      const probe = host.probe();
      const [shell = '', option = '', script = ''] = probe.command;
      const running = host.start(vm, [shell, option, `${script}; exec sleep 60`]);
      while (!probe.started()) await sleep(20);
      running.child.kill('SIGTERM');
      assert.equal((await running.ended).exitCode, null, 'it ran until it was stopped');

      await host.reboot({ change: 'nested = yes\n' });
      await attack('G1', async () => {
        const again = host.probe();
        const { exitCode, codes, stderr } = await host.run(vm, again.command);
        assert.equal(again.started(), false, 'it was started');
        assert.equal(exitCode, 1);
        assert.ok(codes.includes('EVENT_DIFFERS'), stderr);
        assert.ok(stderr.includes(host.configuration), 'the changed file is not named');
        return { outcome: 'D', code: codes[0] ?? '' };
      });
      assert.deepEqual(await decisionsOf(vm), ['refused', 'permitted']);

      await host.reboot({ change: 'nested = no\n' });
      await permitted(vm, host);
    } finally {
      await host.stop();
    }
  });

  it('takes no permit for a host that was reset since its evidence: PERMIT_BOOT_CHANGED (G3)', async () => {
    const { host, impostor } = scene;
    const vm = await scene.newVm();
    impostor.tamper(PERMITS, async (ask) => {
      const answer = await ask();
      await host.cutPower();
      return answer;
    });
    await attack('G3', () => scene.denied(vm));
    assert.equal(await scene.permitsOf(vm), 1, 'the server had given it');
    impostor.honest();
    await scene.permitted(vm);
  });

  describe('while the host sleeps and wakes', () => {
    const tpm = () => ({ socketPath: join(scene.host.stateDir, 'swtpm', 'socket') });
    const askedWhile = (asleep: () => Promise<void>) =>
      scene.impostor.tamper(PLANS, async (ask) => {
        const answer = await ask();
        scene.impostor.honest();
        await asleep();
        return answer;
      });

    it('takes no permit for evidence of before it slept: PERMIT_BOOT_CHANGED (G4)', async () => {
      const vm = await scene.newVm();
      scene.impostor.tamper(PERMITS, async (ask) => {
        const answer = await ask();
        await suspendTpm(tpm());
        return answer;
      });
      await attack('G4', () => scene.denied(vm));
      assert.equal(await scene.permitsOf(vm), 1, 'the server had given it');
      scene.impostor.honest();
      await scene.permitted(vm);
    });

    it('starts a VM that was asked for before, by evidence of after it woke alone (G4)', async () => {
      const vm = await scene.newVm();
      await scene.permitted(vm);
      const before = bootOf(scene.lastPermit());
      askedWhile(() => suspendTpm(tpm()));
      await scene.permitted(vm);
      const { resetCount, restartCount } = bootOf(scene.lastPermit());
      assert.deepEqual([resetCount, restartCount], [before.resetCount, before.restartCount + 1]);
    });

    it('starts none where what it woke to is not what was trusted: HOST_NOT_TRUSTED (G4)', async () => {
      const vm = await scene.newVm();
      askedWhile(async () => {
        await suspendTpm(tpm());
        await extendPcr(tpm(), 13);
      });
      await attack('G4', () => scene.denied(vm));
      assert.deepEqual(await scene.decisionsOf(vm), ['refused']);
      await scene.host.reboot();
      await scene.permitted(vm);
    });
  });

  it('takes no permit of an earlier boot in a later one: PERMIT_UNEXPECTED', async () => {
    const { host, impostor } = scene;
    const vm = await scene.newVm();
    await scene.permitted(vm);
    const old = scene.lastPermit();
    await host.reboot();
    impostor.tamper(PERMITS, async (ask) => withPermit(await ask(), old));
    assert.equal((await scene.denied(vm)).code, 'PERMIT_UNEXPECTED');
  });
});
