import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Vm, VmStarts } from '@touchstone/schemas';
import { attack } from '../support/attack.ts';
import { type GateScene, PERMITS, startGateScene } from '../support/gate-scene.ts';

const PLANS = '/v1/start-plans';
const CHALLENGES = '/v1/challenges';
const VMS = 200;
/** More statements than these would be a batch for every few VMs. */
const MOST_STATEMENTS = 20;

describe('Starts at once, and starts cut short', () => {
  let scene: GateScene;
  before(async function () {
    this.timeout(90_000);
    scene = await startGateScene('at-once');
  });
  after(() => scene?.stop());
  afterEach(() => scene.impostor.honest());

  it('are answered each by a permit of its own, in few statements: G17', async function () {
    this.timeout(90_000);
    const vms: string[] = [];
    while (vms.length < VMS) {
      const left = Math.min(20, VMS - vms.length);
      vms.push(...(await Promise.all(Array.from({ length: left }, () => scene.newVm()))));
    }
    const before = scene.impostor.answers(PERMITS).length;
    await attack('G17', async () => {
      const answers = await Promise.all(vms.map((vm) => scene.host.ask(vm, ['/bin/true'])));
      const permits = answers.map((answer, index) => {
        assert.equal(answer.decision, 'permitted', JSON.stringify(answer));
        assert.equal(answer.vm, vms[index]);
        return answer.permitId;
      });
      assert.equal(new Set(permits).size, VMS);
      return { outcome: 'T' };
    });
    const statements = scene.impostor.answers(PERMITS).length - before;
    assert.ok(statements <= MOST_STATEMENTS, `${statements} statements`);
  });

  it('go on by a standing licence of the server’s while the verifier is away, until the host reboots: G27', async () => {
    const { host, impostor, touchstone } = scene;
    const uuid = randomUUID();
    const record = { uuid, name: 'licensed', classes: ['software'], hostLabels: {}, images: [] };
    const failMode = { mode: 'allow-and-flag' };
    await touchstone.operator('POST', '/v1/vms', Vm, { ...record, failMode });
    assert.equal((await host.ask(uuid, ['/bin/true'])).decision, 'permitted');
    await host.command('attest');
    for (const path of [PLANS, CHALLENGES]) impostor.tamper(path, () => null);
    const licensed = await host.ask(uuid, ['/bin/true']);
    assert.equal(
      licensed.decision === 'permitted' && licensed.by,
      'licence',
      JSON.stringify(licensed),
    );
    const another = await host.ask(uuid, ['/bin/false']);
    assert.equal(another.decision, 'refused');
    await host.cutPower();
    await attack('G27', async () => {
      const answer = await host.ask(uuid, ['/bin/true']);
      assert.equal(answer.decision, 'refused');
      const found = answer.findings.find(({ code }) => code === 'LICENCE_VOID');
      return { outcome: 'D', code: found?.code ?? answer.code };
    });
    impostor.honest();
    await host.command('attest');
    const { starts } = await touchstone.operator('GET', `/v1/vms/${uuid}/starts`, VmStarts);
    assert.ok(
      starts.some(({ requestId }) => requestId === licensed.requestId),
      'it was not told',
    );
  });

  describe('start nothing when the verifier ends', () => {
    for (const path of [PLANS, PERMITS]) {
      for (const [when, answered] of [
        ['before it took', false],
        ['once it had answered', true],
      ] as const) {
        it(`${when} what was sent to ${path}: G9`, async () => {
          const vm = await scene.newVm();
          scene.impostor.tamper(path, async (ask) => {
            if (answered) await ask();
            for (const each of [PLANS, CHALLENGES, PERMITS])
              scene.impostor.tamper(each, () => null);
            return null;
          });
          await attack('G9', () => scene.denied(vm));
        });
      }
    }
  });

  describe('start nothing when the agent is killed', () => {
    for (const [path, answered] of [
      [PLANS, false],
      [PLANS, true],
      [PERMITS, false],
    ] as const) {
      it(`${answered ? 'after the answer to' : 'before'} ${path}: G12`, async function () {
        this.timeout(60_000);
        const { host, impostor } = scene;
        const vm = await scene.newVm();
        impostor.tamper(path, async (ask) => {
          const answer = answered ? await ask() : null;
          await host.stopAgent('SIGKILL');
          return answer;
        });
        await attack('G12', () => scene.denied(vm));
        impostor.honest();
        await host.startAgent();
      });
    }

    it('and the VM starts when it is asked for again', async () => {
      await scene.permitted(await scene.newVm());
    });
  });
});
