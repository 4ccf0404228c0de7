import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { LicenceClaims, StartAnswer } from '@touchstone/schemas';
import { startOfCommand } from '../gate/asked-start.ts';
import { FileReader } from '../images/file-reader.ts';
import type { GateAtSocket } from './start-gate.ts';
import { GOOD, NONE, useNoVerdict } from './support/no-verdict.ts';
import type { Behaviour } from './support/verifier.ts';

describe('a start whose verifier dies after it gave the plan', () => {
  let gate: GateAtSocket;
  const { sign, common, definitionDigest } = useNoVerdict((begun) => void (gate = begun));

  /** While the VM is described: after its plan, and before all else. */
  const startWhile = async (describing: () => Promise<unknown>): Promise<StartAnswer> => {
    const asked = startOfCommand(gate.question(), new FileReader());
    const { answer } = await gate.gate.decide({
      ...asked,
      describe: async (plan) => {
        assert.ok(plan.known);
        await describing();
        return asked.describe(plan);
      },
    });
    return answer;
  };
  const holdLicence = async () => {
    const { resetCount, restartCount, clock } =
      gate.attestation.attester.lastQuote ?? assert.fail();
    const claims: LicenceClaims = {
      ...common(),
      jti: randomUUID(),
      'touchstone.boot': { resetCount, restartCount, clock: clock.toString() },
      'touchstone.vm': gate.vm,
      'touchstone.definition': definitionDigest(),
      'touchstone.mode': 'allow-and-flag',
      'touchstone.until': null,
    };
    const licences = [await sign(claims, 'licence')];
    await gate.mandates.hear({ ...GOOD, mandates: { ...NONE, licences } });
  };

  const plans: Behaviour['plans'] = (vms) => ({
    plans: vms.map((vm) => ({ vm, known: true, disks: [] })),
  });
  const withChallenge: Behaviour['plans'] = (vms, challenge) => ({
    ...(plans(vms, challenge) as object),
    challenge: challenge ?? assert.fail('none was asked for'),
  });
  const leave = () => gate.verifier.leave();

  beforeEach(() => void (gate.verifier.asked.length = 0));
  afterEach(() => gate.verifier.comeBack());

  const cases: readonly (readonly [
    string,
    Behaviour,
    () => Promise<unknown>,
    readonly string[],
  ])[] = [
    ['no challenge came with the plan', { plans }, leave, []],
    ['that challenge is at hand', { plans: withChallenge }, leave, []],
    ['it dies over its own challenge', { plans, challenge: leave }, async () => {}, ['permit']],
    [
      'it dies over the permit',
      { plans, permits: leave },
      async () => {},
      ['permit', '/v1/permits'],
    ],
  ];
  for (const [what, behaviour, describing, asked] of cases) {
    describe(`and ${what}`, () => {
      beforeEach(() => gate.verifier.behave(behaviour));

      it('is refused and told, and permitted when the verifier is back: UNREACHABLE', async () => {
        const answer = await startWhile(describing);
        assert.equal(answer.decision === 'refused' && answer.code, 'UNREACHABLE');
        assert.deepEqual(gate.verifier.asked, asked);
        assert.deepEqual(
          gate.gate.decidedAlone().map(({ requestId, decision }) => [requestId, decision]),
          [[answer.requestId, 'refused']],
        );
        await gate.verifier.comeBack();
        gate.verifier.behave({ plans });
        assert.equal((await gate.ask()).decision, 'permitted');
      });

      it('is permitted by its licence', async () => {
        await holdLicence();
        const answer = await startWhile(describing);
        assert.equal(answer.decision === 'permitted' && answer.by, 'licence');
      });
    });
  }
});
