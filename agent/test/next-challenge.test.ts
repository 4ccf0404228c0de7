import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChallengeAnswer, StartPlan, StartRequest } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { bootTime } from '../gate/boot-time.ts';
import { NextChallenge } from '../gate/next-challenge.ts';
import { exchangeForPermits } from '../gate/permit-exchange.ts';
import { type GateAtSocket, startGateAtSocket } from './start-gate.ts';
import type { Asked } from './support/verifier.ts';

const ANSWER: ChallengeAnswer = {
  challenge: 'AAAA',
  expiresAt: '2026-11-22T12:00:00.000Z',
  selection: { sha256: [8] },
  bundleEpoch: 1,
};

describe('the challenge that came with the last plan', () => {
  for (const [given, ageSeconds, isTaken] of [
    ['just now', 0, true],
    ['two seconds ago', 2, true],
    ['longer ago', 2.1, false],
    ['by a clock that went back', -0.1, false],
  ] as const) {
    it(`is ${isTaken ? '' : 'not '}taken when it was asked for ${given}, and never twice`, () => {
      const challenges = new NextChallenge();
      const held = { answer: ANSWER, askedAt: 100 };
      challenges.hold(held);
      assert.equal(challenges.take(100 + ageSeconds), isTaken ? held : null);
      assert.equal(challenges.take(100), null);
    });
  }

  it('gives way to a newer one', () => {
    const challenges = new NextChallenge();
    const newer = { answer: { ...ANSWER, challenge: 'BBBB' }, askedAt: 101 };
    challenges.hold({ answer: ANSWER, askedAt: 100 });
    challenges.hold(newer);
    assert.equal(challenges.take(101), newer);
    assert.equal(challenges.take(101), null);
  });

  describe('at the gate', () => {
    let gate: GateAtSocket;
    /** Of the evidence that asked for permits, one after the other. */
    let challenges: string[];
    /** As they came with plans. */
    let given: string[];

    before(async () => {
      gate = await startGateAtSocket();
    });

    after(() => gate.close());

    beforeEach(() => {
      [challenges, given] = [[], []];
      gate.verifier.asked.length = 0;
    });

    const plansOf = (vms: readonly string[]): StartPlan[] =>
      vms.map((vm) => ({ vm, known: true, disks: [] }));
    const withChallenge = (vms: readonly string[], challenge: ChallengeAnswer | undefined) => {
      if (challenge === undefined) assert.fail('none was asked for');
      given.push(challenge.challenge);
      return { plans: plansOf(vms), challenge };
    };
    const seen = (asked: Asked, honest: () => Promise<unknown>) => {
      challenges.push(asked.evidence.statement.challenge);
      return honest();
    };

    it('is that of the evidence, and no other is asked for', async () => {
      gate.verifier.behave({ plans: withChallenge, permits: seen });
      assert.equal((await gate.ask()).decision, 'permitted');
      assert.equal((await gate.ask()).decision, 'permitted');
      assert.deepEqual(gate.verifier.asked, ['/v1/permits', '/v1/permits']);
      assert.deepEqual(challenges, given);
      assert.equal(new Set(given).size, 2);
    });

    it('is not used again: who finds none asks for his own', async () => {
      gate.verifier.behave({ plans: withChallenge, permits: seen });
      assert.equal((await gate.ask()).decision, 'permitted');
      gate.verifier.behave({ plans: (vms) => ({ plans: plansOf(vms) }), permits: seen });
      assert.equal((await gate.ask()).decision, 'permitted');
      assert.deepEqual(gate.verifier.asked, ['/v1/permits', 'permit', '/v1/permits']);
      assert.notEqual(challenges[1], challenges[0]);
    });

    it('is not used again where nothing was decided: EVIDENCE_SUPERSEDED', async () => {
      gate.verifier.behave({
        plans: withChallenge,
        permits: (asked, honest) => {
          if (challenges.length > 0) return seen(asked, honest);
          challenges.push(asked.evidence.statement.challenge);
          throw new AppError('EVIDENCE_SUPERSEDED', 409);
        },
      });
      assert.equal((await gate.ask()).decision, 'permitted');
      assert.deepEqual(gate.verifier.asked, ['/v1/permits', 'permit', '/v1/permits']);
      assert.equal(challenges[0], given[0]);
      assert.notEqual(challenges[1], challenges[0]);
    });

    it('is asked for by its own where the server knows none with plans: SCHEMA_MISMATCH', async () => {
      const disks = [{ name: 'disk0', kind: 'data' as const }];
      gate.verifier.behave({
        plans: (vms, challenge) => {
          if (challenge !== undefined) throw new AppError('SCHEMA_MISMATCH', 400);
          return { plans: vms.map((vm) => ({ vm, known: true, disks })) };
        },
      });
      assert.equal((await gate.ask()).decision, 'permitted');
      assert.deepEqual(gate.verifier.asked, ['permit', '/v1/permits']);
      const kept = await readFile(join(gate.host.stateDir, 'start-plans.json'), 'utf8');
      const { plans } = JSON.parse(kept) as { plans: StartPlan[] };
      assert.deepEqual(plans, [{ vm: gate.vm, known: true, disks }]);
    });

    it('makes no permit younger: it is late by when the challenge was asked for', async () => {
      gate.verifier.behave({});
      const { attestation, enrolment, vm } = gate;
      const held = new NextChallenge();
      const askedAt = bootTime() - 1;
      const selection = { sha256: [8] };
      held.hold({ answer: { ...ANSWER, selection }, askedAt });
      const request: StartRequest = {
        ...{ requestId: vm, vm, operation: 'start', door: 'run' },
        ...{ definitionDigest: '0'.repeat(64), imageDigests: [], dataDisks: [] },
      };
      const exchange = await exchangeForPermits(
        { attestation, enrolment, rejoin: () => Promise.resolve(false), patienceMs: 10_000 },
        { requests: [request], session: null, challenges: held },
      );
      assert.deepEqual([exchange.challenge, exchange.askedAt], [ANSWER.challenge, askedAt]);
    });
  });
});
