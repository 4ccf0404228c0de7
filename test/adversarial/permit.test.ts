import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PermitsAnswer } from '@touchstone/schemas';
import { startAgentHost } from '../support/agent-host.ts';
import { attack } from '../support/attack.ts';
import { type GateScene, PERMITS, startGateScene, withPermit } from '../support/gate-scene.ts';
import type { Answer } from '../support/impostor.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { startRequest, TestHost } from '../support/test-host.ts';

type Ask = () => Promise<Answer>;

/** A permit is held back so long, by challenge and answer together, that it comes after its 15 s. */
const HELD_BACK_MS = 8_000;

describe('A permit', () => {
  let scene: GateScene;
  before(async function () {
    this.timeout(90_000);
    scene = await startGateScene('permits');
  });
  after(() => scene?.stop());
  afterEach(() => scene.impostor.honest());

  /** From now on every permit is the last one that the server gave, under the request that waits. */
  const replay = () => {
    const old = scene.lastPermit();
    scene.impostor.tamper(PERMITS, async (ask) => withPermit(await ask(), old));
  };

  describe('is taken by the agent for its one start, and', () => {
    it('not for a second one: G2', async () => {
      const vm = await scene.newVm();
      await scene.permitted(vm);
      const recorded = scene.impostor.answers(PERMITS).at(-1)!;
      replay();
      await attack('G2', () => scene.denied(vm));
      scene.impostor.tamper(PERMITS, () => recorded);
      await attack('G2', () => scene.denied(vm));
      scene.impostor.honest();
      await scene.permitted(vm);
    });

    it('not for another VM: G2', async () => {
      const [vm, other] = [await scene.newVm(), await scene.newVm()];
      await scene.permitted(vm);
      replay();
      await attack('G2', () => scene.denied(other));
    });

    it('not for the start that waits behind it: G2', async () => {
      const { host, impostor } = scene;
      const vm = await scene.newVm();
      const probes = [host.probe(), host.probe()] as const;
      let first: Answer | undefined;
      impostor.tamper(PERMITS, async (ask) => {
        const answer = await ask();
        if (first !== undefined) return first;
        first = answer;
        return null;
      });
      const runs = await Promise.all(probes.map(({ command }) => host.run(vm, command)));
      assert.deepEqual(
        probes.map((probe) => probe.started()),
        [false, false],
      );
      assert.deepEqual(
        runs.map(({ codes }) => codes[0]).toSorted((a, b) => String(a).localeCompare(String(b))),
        ['PERMIT_UNEXPECTED', 'UNREACHABLE'],
      );
    });

    it('not on another host: G2', async function () {
      this.timeout(60_000);
      const { touchstone, impostor } = scene;
      const vm = await scene.newVm();
      const other = await startAgentHost(touchstone, { name: 'other', server: impostor.url });
      try {
        await scene.permitted(vm);
        replay();
        await attack('G2', () => scene.denied(vm, (command) => other.run(vm, command)));
        impostor.honest();
        await scene.permitted(vm, other);
      } finally {
        await other.stop();
      }
    });
  });

  describe('is given by the server for its one request, and', () => {
    let asking: TestHost;
    before(async () => {
      asking = await TestHost.trusted(scene.touchstone);
    });
    after(() => asking?.stop());

    const refusalOf = ({ answers: [answer] }: PermitsAnswer): string => {
      assert.ok(answer !== undefined && 'refusal' in answer, 'a permit was given');
      return answer.refusal.code;
    };

    it('not to other evidence, nor for another VM: REQUEST_ALREADY_ANSWERED (G2)', async () => {
      const [vm, other] = [await scene.newVm(), await scene.newVm()];
      const request = startRequest(vm);
      const { answers } = await asking.askForPermit(vm, { permits: [request] });
      assert.ok('permit' in answers[0]!);
      for (const again of [request, { ...request, vm: other }]) {
        await attack('G2', async () => {
          const answer = await asking.askForPermit(again.vm, { permits: [again] });
          return { outcome: 'D', code: refusalOf(answer) };
        });
      }
      assert.deepEqual(await scene.decisionsOf(vm), ['permitted']);
      assert.deepEqual(await scene.decisionsOf(other), []);
    });

    it('not to another host: G2', async () => {
      const vm = await scene.newVm();
      const another = await TestHost.trusted(scene.touchstone);
      try {
        const permits = [startRequest(vm)];
        for (const dishonesty of [
          { permits, hostId: asking.hostId },
          { permits, akName: asking.akName },
          { permits, challenge: (await asking.challenge('permit')).challenge },
        ]) {
          const evidence = await another.evidence('permit', dishonesty);
          await attack('G2', async () => {
            const deliver = () => asking.deliverForPermit(evidence);
            return { ...(await refusedWithoutTrace(scene.touchstone, deliver)), outcome: 'D' };
          });
        }
        assert.deepEqual(await scene.decisionsOf(vm), []);
      } finally {
        await another.stop();
      }
    });

    it('at neither end late: PERMIT_LATE, CHALLENGE_EXPIRED (G2)', async function () {
      this.timeout(60_000);
      const vm = await scene.newVm();
      const evidence = await asking.evidence('permit', { permits: [startRequest(vm)] });
      const expired = sleep(20_500);
      const slow = async (ask: Ask) => {
        const answer = await ask();
        await sleep(HELD_BACK_MS);
        return answer;
      };
      scene.impostor.tamper('/v1/challenges', slow);
      scene.impostor.tamper(PERMITS, slow);
      const late = await attack('G2', () => scene.denied(vm));
      assert.equal(late.code, 'PERMIT_LATE');

      await expired;
      const old = await attack('G2', async () => {
        const deliver = () => asking.deliverForPermit(evidence);
        return { ...(await refusedWithoutTrace(scene.touchstone, deliver)), outcome: 'D' };
      });
      assert.equal(old.code, 'CHALLENGE_EXPIRED');
      assert.deepEqual(await scene.decisionsOf(vm), ['permitted'], 'the one that came too late');
    });
  });
});
