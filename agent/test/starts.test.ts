import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { AgentStatus, StartAnswer, type StartQuestion } from '@touchstone/schemas';
import {
  AppError,
  type Client,
  listenUnix,
  type Listening,
  pinnedClient,
  unixClient,
} from '@touchstone/transport';
import { type Attestation, deliverAttestation } from '../evidence/deliver.ts';
import { agentEdge } from '../socket/routes.ts';
import type { Enrolment, KeyRecord } from '../state/identity.ts';
import { Attester } from '../tpm/attester.ts';
import { Conversations } from '../tpm/conversation.ts';
import { type Hypervisor, makeHypervisor } from './support/hypervisor.ts';
import { claimsFor, makePermitKey, signPermit } from './support/permit-keys.ts';
import {
  type Asked,
  type Behaviour,
  enrolmentAt,
  permitting,
  REFUSAL,
  refusing,
  startVerifier,
  type Verifier,
} from './support/verifier.ts';

describe('the start gate, at its socket', () => {
  let host: Hypervisor;
  let verifier: Verifier;
  let attester: Attester;
  let key: KeyRecord;
  let attestation: Attestation;
  let enrolment: Enrolment;
  let socket: Listening;
  let client: Client;
  const conversations = new Conversations();
  const log: string[] = [];
  const vm = randomUUID();

  before(async () => {
    host = await makeHypervisor();
    verifier = await startVerifier();
    attester = new Attester(host.stateDir, [{ pcr: 8, commandLine: '/proc/cmdline' }]);
    key = await attester.createKey();
    enrolment = enrolmentAt(verifier);
    attestation = {
      client: pinnedClient({ url: verifier.url, pin: verifier.pin, timeoutMs: 1_000 }),
      attester,
      key,
    };
    await writeFile(join(host.stateDir, 'disk.img'), 'disk');
    const path = join(host.stateDir, 'agent.sock');
    const gate = {
      attestation,
      enrolment,
      conversations,
      log: pino({}, { write: (line) => void log.push(line) }),
    };
    const status: AgentStatus = {
      hostId: enrolment.hostId,
      class: 'software',
      server: verifier.url,
      state: null,
      verdict: null,
      lastAttestedAt: null,
      lastError: null,
    };
    socket = await listenUnix(agentEdge({ log: gate.log, status: () => status, gate }), {
      path,
      mode: 0o600,
    });
    client = unixClient({ path });
  });

  beforeEach(() => {
    verifier.behave({});
    verifier.asked.length = 0;
  });

  after(async () => {
    await client.close();
    await socket.close();
    await attestation.client.close();
    await attester.close();
    await verifier.close();
    await host.remove();
  });

  const question = (): StartQuestion => ({
    vm,
    operation: 'start',
    workingDirectory: host.stateDir,
    command: ['/bin/true', 'disk.img'],
  });
  const ask = (body: unknown = question()) =>
    client.request({ method: 'POST', path: '/v1/starts', body, schema: StartAnswer });
  const askWhile = (behaviour: Behaviour) => {
    verifier.behave(behaviour);
    return ask();
  };
  const refusedAs = async (code: string, behaviour: Behaviour) => {
    const answer = await askWhile(behaviour);
    assert.equal(answer.decision, 'refused');
    assert.equal(answer.code, code);
    assert.equal(answer.vm, vm);
    assert.ok(answer.findings.every(({ remedy, subject }) => remedy !== '' && subject !== ''));
    return answer;
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
        vm,
        operation: 'start',
        definitionDigest: answer.definitionDigest,
        imageDigests: statement.permits?.[0]?.imageDigests,
      },
    ]);
    assert.equal(statement.permits?.[0]?.imageDigests.length, 1);
    assert.deepEqual(verifier.asked, ['permit', '/v1/permits']);
  });

  it('passes a refusal on, with each finding', async () => {
    const { findings } = await refusedAs('HOST_NOT_TRUSTED', {
      permits: (asked) => refusing(asked),
    });
    assert.deepEqual(findings, [REFUSAL]);
  });

  it('asks the server nothing about what cannot be read', async () => {
    const answer = await ask({ ...question(), command: ['/bin/none'] });
    assert.equal(answer.decision === 'refused' && answer.code, 'DEFINITION_UNREADABLE');
    assert.deepEqual(verifier.asked, []);
  });

  describe('refuses whatever is not a permit for this request', () => {
    const signed = async (asked: Asked, changes: object) =>
      permitting(
        asked,
        await signPermit({ ...claimsFor(asked.permit), ...changes }, verifier.permitKey),
      );

    it('G10: one for another request: PERMIT_UNEXPECTED', async () => {
      await refusedAs('PERMIT_UNEXPECTED', {
        permits: (asked) => {
          const request = { ...asked.permit.request, requestId: randomUUID() };
          return signed(asked, { 'touchstone.request': request });
        },
      });
    });

    it('G10: an answer to another request: PERMIT_UNEXPECTED', async () => {
      await refusedAs('PERMIT_UNEXPECTED', {
        permits: async (asked) =>
          permitting(
            asked,
            await signPermit(claimsFor(asked.permit), verifier.permitKey),
            randomUUID(),
          ),
      });
    });

    it('G2: the permit of an earlier start: PERMIT_UNEXPECTED', async () => {
      let earlier = '';
      await askWhile({
        permits: async (asked) => {
          earlier = await signPermit(claimsFor(asked.permit), verifier.permitKey);
          return permitting(asked, earlier);
        },
      });
      await refusedAs('PERMIT_UNEXPECTED', { permits: (asked) => permitting(asked, earlier) });
    });

    it('one that somebody else signed: PERMIT_INVALID', async () => {
      const other = await makePermitKey(verifier.permitKey.jwk.kid);
      await refusedAs('PERMIT_INVALID', {
        permits: async (asked) =>
          permitting(asked, await signPermit(claimsFor(asked.permit), other)),
      });
    });

    for (const [given, answer] of [
      ['no JSON object', 'permitted'],
      ['an empty object', {}],
      ['no answers', { result: 'a.b.c', state: 'trusted', verdict: 'affirming', answers: [] }],
      ['an answer of the agent’s own shape', { decision: 'permitted', requestId: vm, vm }],
    ] as const) {
      it(`${given}: ANSWER_MALFORMED`, async () => {
        await refusedAs('ANSWER_MALFORMED', { permits: () => answer });
      });
    }
  });

  describe('refuses when the server', () => {
    it('fails: INTERNAL', async () => {
      await refusedAs('INTERNAL', {
        permits: () => {
          throw new Error('bug');
        },
      });
    });

    it('G9: does not answer in time: TIMEOUT', async () => {
      await refusedAs('TIMEOUT', { permits: () => sleep(1_500) });
      await refusedAs('TIMEOUT', { challenge: () => sleep(1_500) });
    });

    it('G9: is not there: UNREACHABLE', async () => {
      const gone = await startVerifier();
      await gone.close();
      const path = join(host.stateDir, 'other.sock');
      const elsewhere = pinnedClient({ url: gone.url, pin: gone.pin });
      const gate = {
        attestation: { ...attestation, client: elsewhere },
        enrolment,
        conversations,
        log: pino({ level: 'silent' }),
      };
      const status = () => assert.fail();
      const listening = await listenUnix(agentEdge({ log: gate.log, status, gate }), {
        path,
        mode: 0o600,
      });
      const asking = unixClient({ path });
      try {
        const answer = await asking.request({
          method: 'POST',
          path: '/v1/starts',
          body: question(),
          schema: StartAnswer,
        });
        assert.equal(answer.decision === 'refused' && answer.code, 'UNREACHABLE');
      } finally {
        await asking.close();
        await listening.close();
        await elsewhere.close();
      }
    });
  });

  it('starts over where other evidence overtook, a bounded number of times: EVIDENCE_SUPERSEDED', async () => {
    let times = 0;
    const overtaken = (_: Asked, honest: () => Promise<unknown>) => {
      times += 1;
      if (times <= 2) throw new AppError('EVIDENCE_SUPERSEDED', 409);
      return honest();
    };
    assert.equal((await askWhile({ permits: overtaken })).decision, 'permitted');
    times = -10;
    await refusedAs('EVIDENCE_SUPERSEDED', { permits: overtaken });
    assert.equal(times, -7);
  });

  it('G3: refuses when the software TPM ended between evidence and permit: PERMIT_BOOT_CHANGED', async () => {
    await refusedAs('PERMIT_BOOT_CHANGED', {
      permits: async (_, honest) => {
        const permit = await honest();
        await host.powerOff();
        return permit;
      },
    });
    assert.equal((await askWhile({})).decision, 'permitted');
  });

  it('G3: refuses when somebody started it again meanwhile: PERMIT_BOOT_CHANGED', async () => {
    await refusedAs('PERMIT_BOOT_CHANGED', {
      permits: async (_, honest) => {
        const permit = await honest();
        await host.powerOff();
        const other = new Attester(host.stateDir, []);
        await other.clock();
        await other.close();
        return permit;
      },
    });
    assert.equal((await askWhile({})).decision, 'permitted');
  });

  it('permits in the first try after a reset between two starts', async () => {
    await host.powerOff();
    assert.equal((await ask()).decision, 'permitted');
  });

  it('has one conversation at a time, permits before attests', async () => {
    let [running, most] = [0, 0];
    verifier.behave({
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
      conversations.hold('attest', () => deliverAttestation(attestation, enrolment));
    const first = ask();
    while (verifier.asked.length === 0) await sleep(5);
    const second = attest();
    const third = ask();
    await Promise.all([first, second, third]);
    assert.equal(most, 1);
    assert.deepEqual(verifier.asked, [
      ...['permit', '/v1/permits'],
      ...['permit', '/v1/permits'],
      ...['attest', '/v1/evidence'],
    ]);
  });

  it('goes on after a conversation that failed', async () => {
    await refusedAs('INTERNAL', { challenge: () => assert.fail() });
    assert.equal((await askWhile({})).decision, 'permitted');
  });

  describe('at its edge', () => {
    it('lets its owner alone connect', () => {
      assert.equal(statSync(join(host.stateDir, 'agent.sock')).mode & 0o777, 0o600);
    });

    it('refuses a question of another shape', async () => {
      for (const body of [
        {},
        { ...question(), permitted: true },
        { ...question(), vm: '../x' },
        { ...question(), operation: 'migrate' },
        { ...question(), command: [] },
        { ...question(), command: ['/bin/true', 'a\0b'] },
        { ...question(), workingDirectory: 'relative' },
      ]) {
        await assert.rejects(ask(body), { code: 'SCHEMA_MISMATCH', status: 400 });
      }
      await assert.rejects(ask({ x: 'y'.repeat(5_000_000) }));
      await assert.rejects(
        client.request({ method: 'GET', path: '/v1/starts', schema: StartAnswer }),
        {
          code: 'METHOD_NOT_ALLOWED',
        },
      );
    });

    it('gives its status', async () => {
      const status = await client.request({
        method: 'GET',
        path: '/v1/status',
        schema: AgentStatus,
      });
      assert.equal(status.hostId, enrolment.hostId);
    });
  });

  it('logs no secret: neither the key’s auth nor its blob nor a permit', () => {
    const text = log.join('');
    assert.ok(text.includes('start refused'));
    for (const secret of [
      key.auth,
      Buffer.from(key.auth, 'base64url').toString('hex'),
      key.private,
    ]) {
      assert.ok(!text.includes(secret));
    }
    assert.doesNotMatch(text, /eyJ[\w-]+\.[\w-]+\.[\w-]+/u);
  });
});
