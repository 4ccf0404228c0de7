import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { AppError } from '@touchstone/transport';
import { Mandates } from '../gate/mandates.ts';
import { ServerTime } from '../server-time.ts';
import { HeldEnrolment } from '../state/held-enrolment.ts';
import type { GateAtSocket } from './start-gate.ts';
import { DAY_SECONDS, fails, GOOD, NONE, useNoVerdict } from './support/no-verdict.ts';
import { refusing } from './support/verifier.ts';

describe('a start for which no verdict can be had, in observe mode', () => {
  let gate: GateAtSocket;
  const { sign, common, refused } = useNoVerdict((begun) => void (gate = begun));

  const observeUntil = async (seconds: number, changes: object = {}) => {
    const until = Math.floor(Date.now() / 1_000) + seconds;
    const claims = { ...common(), jti: randomUUID(), 'touchstone.until': until, ...changes };
    const observe = await sign(claims, 'observe');
    await gate.mandates.hear({ ...GOOD, mandates: { ...NONE, observe } });
    return claims;
  };

  it('is permitted, and told, also where its definition cannot be told', async () => {
    const { jti } = await observeUntil(DAY_SECONDS);
    const answer = await gate.ask();
    assert.equal(answer.decision, 'permitted');
    assert.deepEqual([answer.by, answer.permitId], ['observe', jti]);
    const other = await gate.ask({ ...gate.question(), command: ['/bin/none'] });
    assert.equal(other.decision, 'permitted');
    assert.deepEqual(
      gate.gate.decidedAlone().map(({ decision, code }) => [decision, code]),
      [
        ['observed', 'INTERNAL'],
        ['observed', 'DEFINITION_UNREADABLE'],
      ],
    );
  });

  it('is refused once its time is over, and where the server refuses', async () => {
    await observeUntil(-1);
    await refused();
    await observeUntil(DAY_SECONDS);
    gate.verifier.behave({ permits: (asked) => refusing(asked) });
    await refused();
    gate.verifier.behave({ permits: () => ({}) });
    await refused();
    gate.verifier.behave({
      permits: () => {
        throw new AppError('DEFINITION_UNCOVERED', 422);
      },
    });
    await refused();
  });

  it('is refused by the mandate of another host, or one that says nothing', async () => {
    for (const changes of [
      { 'touchstone.host': randomUUID() },
      { aud: `000b${'0'.repeat(64)}` },
      { iss: 'https://elsewhere' },
      { iat: Math.floor(Date.now() / 1_000) + 2 * DAY_SECONDS },
    ]) {
      await observeUntil(DAY_SECONDS, changes);
      await refused();
    }
  });

  it('is refused after its time by the server’s clock, in this process and the next, whatever ours says', async () => {
    const { stateDir } = gate.host;
    const held = new HeldEnrolment(stateDir, gate.enrolment);
    const lastQuote = () => null;
    const log = pino({ level: 'silent' });
    const open = (serverTime: ServerTime) =>
      Mandates.open(stateDir, held, { serverTime, lastQuote, log });
    const observe = await sign(await observeUntil(DAY_SECONDS), 'observe');
    assert.notEqual(await (await open(new ServerTime())).observing(), null);
    const serverTime = new ServerTime();
    const mandates = await open(serverTime);
    serverTime.hear(new Date(Date.now() + 2 * DAY_SECONDS * 1_000));
    assert.equal(await mandates.observing(), null);
    // What it said last comes again.
    await mandates.hear({ ...GOOD, mandates: { ...NONE, observe } });
    assert.equal(await (await open(new ServerTime())).observing(), null);
  });

  it('is refused once the server took this host’s evidence for none, or told that it is revoked', async () => {
    const refusals = [
      () => gate.ask(),
      async () => {
        const revoked = {
          ...common(),
          'touchstone.state': 'revoked',
          'touchstone.sequence': 1_000,
          'touchstone.vms': [],
        };
        await gate.mandates.hearOrders(await sign(revoked, 'orders'));
      },
    ];
    for (const refuse of refusals) {
      await observeUntil(DAY_SECONDS);
      assert.equal((await gate.ask()).decision, 'permitted');
      gate.verifier.behave({
        permits: () => {
          throw new AppError('HOST_REVOKED', 403);
        },
      });
      await refuse();
      gate.verifier.behave(fails);
      await refused();
    }
  });
});
