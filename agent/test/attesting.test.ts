import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import { pino } from 'pino';
import type { ResultClaims } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { Attesting } from '../attesting.ts';
import { ServerTime } from '../server-time.ts';
import { HeldEnrolment } from '../state/held-enrolment.ts';
import { signResult } from './support/permit-keys.ts';
import { type GateAtSocket, startGateAtSocket } from './start-gate.ts';

describe('the agent, attesting', () => {
  let gate: GateAtSocket;
  let log: { readonly msg: string; readonly retryInSeconds?: number; readonly failures?: number }[];
  let attesting: Attesting;

  before(async () => {
    gate = await startGateAtSocket();
  });
  beforeEach(() => {
    gate.verifier.behave({});
    gate.verifier.asked.length = 0;
    log = [];
    const { attestation, conversations, enrolment, host } = gate;
    attesting = new Attesting(attestation, new HeldEnrolment(host.stateDir, enrolment), {
      conversations,
      serverTime: new ServerTime(),
      log: pino({}, { write: (line) => void log.push(JSON.parse(line) as (typeof log)[number]) }),
    });
  });
  after(() => gate?.close());

  const refusing = (code: string, status: number, retryAfterSeconds?: number) => () => {
    throw new AppError(code, status, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
  };
  /** Until that has happened to the loop, and no longer. */
  const until = async (happened: () => boolean) => {
    const stop = new AbortController();
    const loop = attesting.until(stop.signal);
    while (!happened()) await new Promise((resolve) => setTimeout(resolve, 10));
    stop.abort();
    await loop;
  };

  it('starts over with a new challenge where nothing was decided: EVIDENCE_SUPERSEDED', async () => {
    let left = 2;
    gate.verifier.behave({
      evidence: (honest) => (left-- > 0 ? refusing('EVIDENCE_SUPERSEDED', 409)() : honest),
    });
    assert.equal((await attesting.now()).state, 'trusted');
    const once = ['attest', '/v1/evidence'];
    assert.deepEqual(gate.verifier.asked, [...once, ...once, ...once]);
    assert.equal(attesting.status.lastError, null);
  });

  it('starts over three times and no more', async () => {
    gate.verifier.behave({ evidence: refusing('EVIDENCE_SUPERSEDED', 409) });
    await assert.rejects(attesting.now(), { code: 'EVIDENCE_SUPERSEDED' });
    assert.equal(gate.verifier.asked.length, 6);
    assert.equal(attesting.status.lastError?.code, 'EVIDENCE_SUPERSEDED');
  });

  it('waits for as long as a server asks that has too much to do: 429, 503, Retry-After', async () => {
    for (const status of [429, 503]) {
      gate.verifier.behave({ evidence: refusing('TOO_MANY_REQUESTS', status, 120) });
      log.length = 0;
      await until(() => log.some(({ msg }) => msg === 'attestation failed'));
      const [{ retryInSeconds = 0 } = {}] = log.filter(({ msg }) => msg === 'attestation failed');
      assert.ok(retryInSeconds >= 120 && retryInSeconds < 122, `${retryInSeconds}`);
      assert.equal(log.length, 1);
    }
  });

  it('tries again by itself, counts what failed in a row, and begins at one again', async () => {
    const fails = [true, true, false, true];
    gate.verifier.behave({
      evidence: (honest) =>
        (fails.shift() ?? true)
          ? refusing('DATABASE_UNAVAILABLE', 503)()
          : { ...honest, intervalSeconds: 1 },
    });
    const told = () => log.map(({ msg, failures = 0 }) => `${msg} ${failures}`);
    const failed = 'attestation failed';
    const expected = [`${failed} 1`, `${failed} 2`, 'attested 0', `${failed} 1`];
    await until(() => told().length >= expected.length);
    assert.deepEqual(told().slice(0, 4), expected);
    const { state, lastError } = attesting.status;
    assert.deepEqual([state, lastError?.code], ['trusted', 'DATABASE_UNAVAILABLE']);
  });

  const tries = () =>
    log.filter(({ msg }) => msg === 'the certificate could not be renewed').length;

  it('renews when it is asked to, after its evidence, which a CA that is away does not hold up', async () => {
    gate.verifier.behave({ challenge: (honest) => ({ ...honest, renew: true }) });
    assert.equal((await attesting.now()).state, 'trusted');
    assert.equal(tries(), 1);
    assert.equal((await attesting.now()).state, 'trusted');
  });

  it('renews before its next try where whoever issued its certificate counts no more', async () => {
    for (const code of ['AK_CERT_ISSUER_REFUSED', 'AK_CERT_ISSUER_UNKNOWN']) {
      gate.verifier.behave({ evidence: refusing(code, 422) });
      await assert.rejects(attesting.now(), { code });
    }
    assert.equal(tries(), 1);
    gate.verifier.behave({});
    assert.equal((await attesting.now()).state, 'trusted');
  });

  describe('believes a result, and nothing that is said beside it', () => {
    const bent = (change: (claims: ResultClaims) => unknown, key = () => gate.verifier.resultKey) =>
      gate.verifier.behave({
        evidence: async (honest) => {
          const claims = decodeJwt<ResultClaims>(honest.result);
          change(claims);
          return { ...honest, result: await signResult(claims, key()) };
        },
      });

    it('tells state and verdict as they were signed', async () => {
      gate.verifier.behave({
        evidence: async (honest) => {
          const claims = decodeJwt<ResultClaims>(honest.result);
          claims.submods.host['ear.status'] = 'contraindicated';
          claims.submods.host['touchstone.state'] = 'untrusted';
          return { ...honest, result: await signResult(claims, gate.verifier.resultKey) };
        },
      });
      const { state, verdict } = await attesting.now();
      assert.deepEqual([state, verdict], ['untrusted', 'contraindicated']);
      assert.equal(attesting.status.state, 'untrusted');
    });

    const OTHER = 'ab'.repeat(32);
    for (const [given, lie] of [
      ['one of another host', () => bent((claims) => Object.assign(claims, { sub: randomUUID() }))],
      [
        'one of another issuer',
        () => bent((claims) => Object.assign(claims, { iss: 'https://x' })),
      ],
      [
        'one of another AK',
        () => bent(({ submods: { host } }) => (host['touchstone.ak-name'] = `000b${OTHER}`)),
      ],
      [
        'an earlier one',
        () => bent(({ submods: { host } }) => (host['touchstone.evidence'] = OTHER)),
      ],
      [
        'one that a permit key signed',
        () =>
          bent(
            () => undefined,
            () => gate.verifier.permitKey,
          ),
      ],
      [
        'none',
        () => gate.verifier.behave({ evidence: (honest) => ({ ...honest, result: 'a.b.c' }) }),
      ],
    ] as const) {
      it(`refuses ${given}: RESULT_INVALID`, async () => {
        lie();
        await assert.rejects(attesting.now(), { code: 'RESULT_INVALID' });
        assert.deepEqual([attesting.status.state, attesting.status.verdict], [null, null]);
      });
    }
  });

  it('gives evidence one after the other, whoever asks', async () => {
    await Promise.all([attesting.now(), attesting.now()]);
    const once = ['attest', '/v1/evidence'];
    assert.deepEqual(gate.verifier.asked, [...once, ...once]);
  });
});
