import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@touchstone/transport';
import { Attester } from '../tpm/attester.ts';
import { makeHypervisor } from './support/hypervisor.ts';
import { claimsFor, makePermitKey, signPermit } from './support/permit-keys.ts';
import { type GateAtSocket, startGateAtSocket } from './start-gate.ts';
import { type Asked, type Behaviour, permitting } from './support/verifier.ts';

describe('the start gate, in doubt', () => {
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
  const refusedAs = async (code: string, behaviour: Behaviour) => {
    const answer = await askWhile(behaviour);
    assert.equal(answer.decision, 'refused');
    assert.equal(answer.code, code);
    assert.equal(answer.vm, gate.vm);
    assert.ok(answer.findings.every(({ remedy, subject }) => remedy !== '' && subject !== ''));
    return answer;
  };

  describe('refuses whatever is not a permit for this request', () => {
    const signed = async (asked: Asked, changes: object) =>
      permitting(
        asked,
        await signPermit({ ...claimsFor(asked.permit), ...changes }, gate.verifier.permitKey),
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
            await signPermit(claimsFor(asked.permit), gate.verifier.permitKey),
            randomUUID(),
          ),
      });
    });

    it('G2: the permit of an earlier start: PERMIT_UNEXPECTED', async () => {
      let earlier = '';
      await askWhile({
        permits: async (asked) => {
          earlier = await signPermit(claimsFor(asked.permit), gate.verifier.permitKey);
          return permitting(asked, earlier);
        },
      });
      await refusedAs('PERMIT_UNEXPECTED', { permits: (asked) => permitting(asked, earlier) });
    });

    it('one that somebody else signed: PERMIT_INVALID', async () => {
      const other = await makePermitKey(gate.verifier.permitKey.jwk.kid);
      await refusedAs('PERMIT_INVALID', {
        permits: async (asked) =>
          permitting(asked, await signPermit(claimsFor(asked.permit), other)),
      });
    });

    for (const [given, answer] of [
      ['no JSON object', 'permitted'],
      ['an empty object', {}],
      ['no answers', { result: 'a.b.c', state: 'trusted', verdict: 'affirming', answers: [] }],
      [
        'an answer of the agent’s own shape',
        { decision: 'permitted', requestId: randomUUID(), vm: randomUUID() },
      ],
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
      const other = await startGateAtSocket();
      await other.verifier.close();
      try {
        const answer = await other.ask();
        assert.equal(answer.decision === 'refused' && answer.code, 'UNREACHABLE');
      } finally {
        await other.close();
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
        await gate.host.powerOff();
        return permit;
      },
    });
    assert.equal((await askWhile({})).decision, 'permitted');
  });

  it('G3: refuses when somebody started it again meanwhile: PERMIT_BOOT_CHANGED', async () => {
    await refusedAs('PERMIT_BOOT_CHANGED', {
      permits: async (_, honest) => {
        const permit = await honest();
        await gate.host.powerOff();
        const other = new Attester(gate.host.stateDir, []);
        await other.use(async () => undefined);
        await other.close();
        return permit;
      },
    });
    assert.equal((await askWhile({})).decision, 'permitted');
  });

  it('G3: refuses when it ended while newer trust bundles were looked for: PERMIT_BOOT_CHANGED', async () => {
    gate.following(() => gate.host.powerOff());
    await refusedAs('PERMIT_BOOT_CHANGED', {});
    gate.following(async () => {});
    assert.equal((await askWhile({})).decision, 'permitted');
  });

  it('refuses when another TPM, whose counters are the permit’s, took its place: EK_CHANGED', async () => {
    const other = await makeHypervisor();
    const otherTpm = new Attester(other.stateDir, []);
    const socketIn = (dir: string, name: string) => join(dir, 'swtpm', name);
    const names = ['socket', 'socket.ctrl'];
    const { stateDir } = gate.host;
    try {
      const { resetCount, restartCount, clock } = await otherTpm.use((tpm) => tpm.readClock());
      const boot = { resetCount, restartCount, clock };
      await otherTpm.close();
      await refusedAs('EK_CHANGED', {
        permits: async (asked) => {
          await gate.host.powerOff();
          for (const name of names) {
            await rm(socketIn(stateDir, name), { force: true });
            await symlink(socketIn(other.stateDir, name), socketIn(stateDir, name));
          }
          const claims = claimsFor({ ...asked.permit, boot });
          return permitting(asked, await signPermit(claims, gate.verifier.permitKey));
        },
      });
    } finally {
      for (const name of names) await rm(socketIn(stateDir, name), { force: true });
      await gate.attestation.attester.close();
      await other.remove();
    }
    assert.equal((await askWhile({})).decision, 'permitted');
  });

  it('permits in the first try after a reset between two starts', async () => {
    await gate.host.powerOff();
    assert.equal((await gate.ask()).decision, 'permitted');
  });
});
