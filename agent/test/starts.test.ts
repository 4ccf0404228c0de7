import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentStatus, StartAnswer } from '@touchstone/schemas';
import { deliverAttestation } from '../evidence/deliver.ts';
import { type GateAtSocket, startGateAtSocket } from './start-gate.ts';
import { type Asked, type Behaviour, REFUSAL, refusing } from './support/verifier.ts';

describe('the start gate, at its socket', () => {
  let gate: GateAtSocket;

  before(async () => {
    gate = await startGateAtSocket();
  });

  beforeEach(() => {
    gate.verifier.behave({});
    gate.verifier.asked.length = 0;
  });

  after(() => gate.close());

  const askWhile = (behaviour: Behaviour) => {
    gate.verifier.behave(behaviour);
    return gate.ask();
  };

  it('permits with a permit for what it asked, over fresh evidence', async () => {
    let seen: Asked | undefined;
    const answer = await askWhile({
      permits: (asked, honest) => {
        seen = asked;
        return honest();
      },
    });
    assert.equal(answer.decision, 'permitted');
    const { statement } = seen?.evidence ?? assert.fail();
    assert.equal(statement.purpose, 'permit');
    assert.deepEqual(statement.permits, [
      {
        requestId: answer.requestId,
        vm: gate.vm,
        operation: 'start',
        definitionDigest: answer.definitionDigest,
        imageDigests: statement.permits?.[0]?.imageDigests,
        door: 'run',
        dataDisks: [],
      },
    ]);
    assert.equal(statement.permits?.[0]?.imageDigests.length, 1);
    assert.deepEqual(gate.verifier.asked, ['permit', '/v1/permits']);
  });

  it('passes a refusal on, with each finding', async () => {
    const answer = await askWhile({ permits: (asked) => refusing(asked) });
    assert.equal(answer.decision, 'refused');
    assert.equal(answer.code, 'HOST_NOT_TRUSTED');
    assert.deepEqual(answer.findings, [REFUSAL]);
  });

  it('tells of what a door refuses after it was permitted, under the same id', async () => {
    const { requestId, vm } = await askWhile({});
    await gate.gate.became('refused', { requestId, vm, code: REFUSAL.code, findings: [REFUSAL] });
    const [told] = gate.gate.decidedAlone();
    const { at, ...refusal } = told ?? assert.fail();
    assert.deepEqual(refusal, { requestId, vm, decision: 'refused', code: REFUSAL.code });
    assert.ok(Date.now() - Date.parse(at) < 60_000);
    const lines = gate.log.filter((line) => line.includes(requestId));
    assert.match(lines.at(-1) ?? '', new RegExp(`though it was permitted: ${REFUSAL.code}: `, 'u'));
  });

  it('writes down each decision, and how long it and its quote took', async () => {
    const lineOf = ({ requestId }: StartAnswer) => {
      const lines = gate.log.filter((line) => line.includes(requestId));
      assert.equal(lines.length, 1);
      return JSON.parse(lines[0]!) as { decision: string; tookMs: number; quoteMs?: number };
    };
    const permitted = lineOf(await askWhile({}));
    assert.equal(permitted.decision, 'permitted');
    const { tookMs, quoteMs = NaN } = permitted;
    assert.ok(quoteMs > 0 && quoteMs < tookMs, `${quoteMs} ms of ${tookMs}`);
    const refused = lineOf(await askWhile({ permits: (asked) => refusing(asked) }));
    assert.ok((refused.quoteMs ?? NaN) > 0);
    const unasked = lineOf(await gate.ask({ ...gate.question(), command: ['/bin/none'] }));
    assert.deepEqual([unasked.decision, unasked.quoteMs], ['refused', undefined]);
  });

  it('asks the server nothing about what cannot be read', async () => {
    const answer = await gate.ask({ ...gate.question(), command: ['/bin/none'] });
    assert.equal(answer.decision === 'refused' && answer.code, 'DEFINITION_UNREADABLE');
    assert.deepEqual(gate.verifier.asked, []);
  });

  it('has one conversation at a time, permits before attests', async () => {
    let [running, most] = [0, 0];
    gate.verifier.behave({
      challenge: () => {
        running += 1;
        most = Math.max(most, running);
        return undefined;
      },
      permits: async (_, honest) => {
        await sleep(100);
        running -= 1;
        return honest();
      },
      evidence: () => {
        running -= 1;
        return undefined;
      },
    });
    const attest = () =>
      gate.conversations.hold('attest', () => deliverAttestation(gate.attestation, gate.enrolment));
    const first = gate.ask();
    while (gate.verifier.asked.length === 0) await sleep(5);
    const second = attest();
    const third = gate.ask();
    await Promise.all([first, second, third]);
    assert.equal(most, 1);
    assert.deepEqual(gate.verifier.asked, [
      ...['permit', '/v1/permits'],
      ...['permit', '/v1/permits'],
      ...['attest', '/v1/evidence'],
    ]);
  });

  it('goes on after a conversation that failed', async () => {
    assert.equal((await askWhile({ challenge: () => assert.fail() })).decision, 'refused');
    assert.equal((await askWhile({})).decision, 'permitted');
  });

  describe('at its edge', () => {
    it('lets its owner alone connect', () => {
      assert.equal(statSync(gate.socketPath).mode & 0o777, 0o600);
    });

    it('refuses a question of another shape', async () => {
      for (const body of [
        {},
        { ...gate.question(), permitted: true },
        { ...gate.question(), vm: '../x' },
        { ...gate.question(), operation: 'migrate' },
        { ...gate.question(), command: [] },
        { ...gate.question(), command: ['/bin/true', 'a\0b'] },
        { ...gate.question(), workingDirectory: 'relative' },
        { ...gate.question(), environment: { 'A=B': '' } },
        { ...gate.question(), environment: { A: 'a\0b' } },
        { ...gate.question(), environment: undefined },
      ]) {
        await assert.rejects(gate.ask(body), { code: 'SCHEMA_MISMATCH', status: 400 });
      }
      await assert.rejects(gate.ask({ x: 'y'.repeat(5_000_000) }));
      await assert.rejects(
        gate.client.request({ method: 'GET', path: '/v1/starts', schema: StartAnswer }),
        {
          code: 'METHOD_NOT_ALLOWED',
        },
      );
    });

    it('gives its status', async () => {
      const status = await gate.client.request({
        method: 'GET',
        path: '/v1/status',
        schema: AgentStatus,
      });
      assert.equal(status.hostId, gate.enrolment.hostId);
    });
  });

  it('logs no secret: neither the key’s auth nor its blob nor a permit', () => {
    const text = gate.log.join('');
    assert.ok(text.includes('does not start'));
    for (const secret of [
      gate.key.auth,
      Buffer.from(gate.key.auth, 'base64url').toString('hex'),
      gate.key.private,
    ]) {
      assert.ok(!text.includes(secret));
    }
    assert.doesNotMatch(text, /eyJ[\w-]+\.[\w-]+\.[\w-]+/u);
  });
});
