import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type {
  Evidence,
  EvidenceAnswer,
  PermitsAnswer,
  ResultClaims,
  Statement,
} from '@touchstone/schemas';
import { startAgentHost } from '../support/agent-host.ts';
import { attack } from '../support/attack.ts';
import { type GateScene, PERMITS, startGateScene, withPermit } from '../support/gate-scene.ts';
import type { Answer } from '../support/impostor.ts';
import { readJws } from '../support/jws.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { shiftedClock } from '../support/shifted-clock.ts';
import { startRequest, TestHost } from '../support/test-host.ts';
import { BIN } from '../support/touchstone.ts';

type Ask = () => Promise<Answer>;

/** A permit is held back longer than a start waits for its server. */
const HELD_BACK_MS = 8_000;

describe('A permit', () => {
  let scene: GateScene;
  before(async function () {
    this.timeout(90_000);
    // Nobody attests meanwhile: what is looked for is a trace of what is refused.
    scene = await startGateScene('permits', { intervalSeconds: 3_600 });
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

    it('at neither end late: TIMEOUT, CHALLENGE_EXPIRED (G2)', async function () {
      this.timeout(60_000);
      const vm = await scene.newVm();
      const evidence = await asking.evidence('permit', { permits: [startRequest(vm)] });
      const expired = sleep(20_500);
      const slow = async (ask: Ask) => {
        const answer = await ask();
        await sleep(HELD_BACK_MS);
        return answer;
      };
      scene.impostor.tamper(PERMITS, slow);
      assert.equal((await scene.denied(vm)).code, 'TIMEOUT');

      await expired;
      const old = await attack('G2', async () => {
        const deliver = () => asking.deliverForPermit(evidence);
        return { ...(await refusedWithoutTrace(scene.touchstone, deliver)), outcome: 'D' };
      });
      assert.equal(old.code, 'CHALLENGE_EXPIRED');
      assert.equal(await scene.permitsOf(vm), 1, 'the one that came too late');
    });
  });

  it('is asked for in the name of the policy that judged the host last (T14)', async () => {
    const { host, impostor } = scene;
    await host.stopAgent();
    const attested = () => impostor.answers('/v1/evidence').length;
    const before = attested();
    await host.startAgent();
    while (attested() === before) await sleep(20);
    const last = impostor.answers('/v1/evidence').at(-1) ?? assert.fail('it never attested');
    const { result } = last.body as EvidenceAnswer;
    const { submods } = readJws(result).claims as ResultClaims;
    const claimed: unknown[] = [];
    impostor.tamper(PERMITS, (ask, { body }) => {
      const { statement } = body as Evidence;
      const { selfReported } = JSON.parse(
        Buffer.from(statement, 'base64url').toString(),
      ) as Statement;
      claimed.push(selfReported.claimedPolicyId);
      return ask();
    });
    await scene.permitted(await scene.newVm());
    assert.deepEqual(claimed, [submods.host['ear.appraisal-policy-id']]);
  });

  describe('is asked for and taken by an agent', () => {
    const HOUR_MS = 3_600_000;
    const YEAR_MS = 365 * 24 * HOUR_MS;
    for (const [what, ms] of Object.entries({
      'an hour ahead': HOUR_MS,
      'an hour behind': -HOUR_MS,
      'a year ahead': YEAR_MS,
      'a year behind': -YEAR_MS,
    })) {
      it(`whose host’s clock is ${what}, and by no other rules (G18)`, async () => {
        const { host, touchstone } = scene;
        const environment = shiftedClock(ms);
        const vm = await scene.newVm();
        await host.stopAgent();
        await host.startAgent(environment);
        const probe = host.probe();
        const { exitCode, stderr } = await host.run(vm, probe.command, { environment });
        assert.equal(exitCode, 0, stderr);
        assert.equal(probe.started(), true);
        assert.equal((await touchstone.host(host.name)).host.state, 'trusted');

        replay();
        const again = (command: readonly string[]) => host.run(vm, command, { environment });
        assert.equal((await scene.denied(vm, again)).code, 'PERMIT_UNEXPECTED');
      });
    }

    it('whose host is bad gets none by a clock of another year: HOST_NOT_TRUSTED (G18)', async () => {
      const { host } = scene;
      const vm = await scene.newVm();
      await host.stopAgent();
      await host.cutPower();
      await writeFile(host.configuration, 'nested = yes\n');
      await host.startAgent(shiftedClock(-YEAR_MS));
      assert.equal((await scene.denied(vm)).code, 'HOST_NOT_TRUSTED');
    });

    it('whose bundle has ended by its clock when it enrols is told of the clock: TRUST_BUNDLE_EXPIRED (G18)', async () => {
      const { touchstone, host } = scene;
      const token = join(host.stateDir, '..', 'another-token');
      await writeFile(token, await touchstone.joinToken(), { mode: 0o600 });
      const words = [
        'enroll',
        '--state',
        join(host.stateDir, '..', 'later'),
        '--name',
        'later',
      ].concat(
        ['--server', touchstone.url, '--fingerprint', touchstone.fingerprint],
        ['--join-token-file', token],
      );
      const environment = { ...process.env, ...shiftedClock(2 * YEAR_MS) };
      await attack('G18', async () => {
        const run = promisify(execFile)(process.execPath, [BIN.agent, ...words], {
          env: environment,
        });
        const { stderr } = await run.then(
          () => assert.fail('it enrolled'),
          (error: unknown) => error as { stderr: string },
        );
        assert.match(stderr, /clock/u);
        const [, code = stderr] = /([A-Z]+(?:_[A-Z]+)+)/u.exec(stderr) ?? [];
        return { outcome: 'R', code };
      });
    });
  });
});
