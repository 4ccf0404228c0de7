import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  HostList,
  type PermitClaims,
  type PermitsAnswer,
  Session,
  type TrustBundle,
} from '@touchstone/schemas';
import { attack, type Observed } from '../support/attack.ts';
import {
  type GateScene,
  permitIn,
  PERMITS,
  startGateScene,
  withPermit,
} from '../support/gate-scene.ts';
import { makeJws, publicShapes, readJws } from '../support/jws.ts';
import { type Forge, FORGED_PERMITS, type ForgersKeys } from '../support/permit-forgeries.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { codeOf } from '../support/refusals.ts';
import { TestHost } from '../support/test-host.ts';

describe('A token', () => {
  let scene: GateScene;
  let keys: ForgersKeys;
  before(async function () {
    this.timeout(90_000);
    // Nobody attests meanwhile: what is looked for is a trace of what is refused.
    scene = await startGateScene('tokens', { intervalSeconds: 3_600 });
    const file = (name: string) => readFile(join(scene.touchstone.directory, 'server', name));
    keys = {
      permit: createPrivateKey(await file('permit-key.pem')),
      result: createPrivateKey(await file('result-key.pem')),
      own: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    };
  });
  after(() => scene?.stop());
  afterEach(() => scene.impostor.honest());

  /** The honest permit never arrives; what comes in its place is what the forger makes of it. */
  const forge = (make: Forge) => {
    scene.impostor.tamper(PERMITS, async (ask) => {
      const answer = await ask();
      const body = answer.body as PermitsAnswer;
      const permit = permitIn(body);
      const { header, claims: read } = readJws(permit);
      const claims = read as PermitClaims;
      return withPermit(answer, make({ header, claims, permit, result: body.result, keys }));
    });
  };

  /** The agent's answer to whoever asks at its socket. */
  const refused = async (vm: string): Promise<Observed> => {
    const answer = await scene.host.ask(vm, ['/bin/true']);
    assert.equal(answer.decision, 'refused');
    return { outcome: 'R', code: answer.code };
  };

  describe('in the place of a permit starts nothing', () => {
    for (const [number, rows] of Object.entries(FORGED_PERMITS)) {
      for (const [what, code, make] of rows) {
        it(`${what}: ${code} (${number})`, async () => {
          forge(make);
          const vm = await scene.newVm();
          const seen = await attack(number, () => refused(vm));
          assert.equal(seen.code, code);
        });
      }
    }

    it('at `touchstone-agent run` either: PERMIT_INVALID (T1, T3)', async () => {
      const vm = await scene.newVm();
      forge(({ header, claims }) => makeJws({ ...header, alg: 'none' }, claims, null));
      await attack('T1', async () => ({ ...(await scene.denied(vm)), outcome: 'R' }));
      forge(({ result }) => result);
      await attack('T3', async () => ({ ...(await scene.denied(vm)), outcome: 'R' }));
    });

    it('where two keys of the bundle have one id, by either: PERMIT_INVALID (T2)', async () => {
      const { host } = scene;
      const file = join(host.stateDir, 'enrolment.json');
      const honest = await readFile(file, 'utf8');
      const { trustBundle, ...rest } = JSON.parse(honest) as { trustBundle: TrustBundle };
      const [permit] = trustBundle.keys.filter(({ use }) => use === 'permit');
      assert.ok(permit);
      const { x, y } = publicShapes(keys.own).jwk as { x: string; y: string };
      const twin = { use: 'permit', jwk: { ...permit.jwk, x, y } } as const;
      const doubled = { ...trustBundle, keys: [...trustBundle.keys, twin] };
      await host.stopAgent();
      await writeFile(file, JSON.stringify({ ...rest, trustBundle: doubled }), { mode: 0o600 });
      await host.startAgent();
      try {
        for (const key of [keys.own, keys.permit]) {
          forge(({ header, claims }) => makeJws(header, claims, key));
          const vm = await scene.newVm();
          await attack('T2', () => refused(vm));
        }
      } finally {
        await host.stopAgent();
        await writeFile(file, honest, { mode: 0o600 });
        await host.startAgent();
      }
    });

    it('but the same claims under the same header by the permit key are the permit', async () => {
      forge(({ header, claims, keys: { permit } }) => makeJws(header, claims, permit));
      await scene.permitted(await scene.newVm());
    });
  });

  describe('beside a server’s word that all is well starts nothing', () => {
    const answering = (change: (answer: PermitsAnswer) => object) =>
      scene.impostor.tamper(PERMITS, async (ask) => {
        const { status, body } = await ask();
        return { status, body: { ...(body as PermitsAnswer), ...change(body as PermitsAnswer) } };
      });
    const answers: readonly (readonly [string, string, (answer: PermitsAnswer) => object])[] = [
      [
        'for another request: PERMIT_UNEXPECTED',
        'PERMIT_UNEXPECTED',
        (answer) => ({ answers: [{ requestId: randomUUID(), permit: permitIn(answer) }] }),
      ],
      [
        'whose permit is not signed: PERMIT_INVALID',
        'PERMIT_INVALID',
        (answer) => ({
          answers: answer.answers.map(({ requestId }) => {
            const { header, claims } = readJws(permitIn(answer));
            return { requestId, permit: makeJws({ ...header, alg: 'none' }, claims, null) };
          }),
        }),
      ],
      [
        'whose permit is now for whatever was asked: PERMIT_INVALID',
        'PERMIT_INVALID',
        (answer) => ({
          answers: answer.answers.map(({ requestId }) => {
            const { header, claims, signature } = readJws(permitIn(answer));
            const longer = { ...claims, exp: 4_000_000_000 };
            return { requestId, permit: makeJws(header, longer, null) + signature };
          }),
        }),
      ],
      [
        'that speaks of trust and gives no permit: ANSWER_MALFORMED',
        'ANSWER_MALFORMED',
        ({ answers: [one] }) => ({ answers: [{ requestId: one?.requestId, decision: 'trusted' }] }),
      ],
    ];
    for (const [what, code, change] of answers) {
      it(`${what} (G10)`, async () => {
        const vm = await scene.newVm();
        answering(change);
        const seen = await attack('G10', () => scene.denied(vm));
        assert.equal(seen.code, code);
      });
    }

    it('that turns a refusal into a yes, with or without an older permit (G10)', async () => {
      const { touchstone } = scene;
      await scene.permitted(await scene.newVm());
      const older = scene.lastPermit();
      const vm = randomUUID();
      await touchstone.addVm({ uuid: vm, name: 'for-hardware', classes: ['discrete', 'firmware'] });
      answering(() => ({ state: 'trusted', verdict: 'affirming' }));
      const refusal = await attack('G10', () => scene.denied(vm));
      assert.equal(refusal.code, 'CLASS_NOT_ACCEPTED');
      answering(({ answers: [one] }) => ({
        answers: [{ requestId: one?.requestId, permit: older }],
      }));
      const replayed = await attack('G10', () => scene.denied(vm));
      assert.equal(replayed.code, 'PERMIT_UNEXPECTED');
      assert.deepEqual(await scene.decisionsOf(vm), ['refused', 'refused']);
    });
  });

  describe('in the place of an operator’s lets nobody in', () => {
    const session = (bearer: string) => () =>
      scene.touchstone.client.request({
        method: 'GET',
        path: '/v1/session',
        schema: Session,
        bearer,
      });
    let answer: PermitsAnswer;
    before(async () => {
      await scene.permitted(await scene.newVm());
      answer = scene.impostor.answers(PERMITS).at(-1)!.body as PermitsAnswer;
    });

    it('when it is a JWT of a forger’s: UNAUTHENTICATED (T1)', async () => {
      const claims = { iss: scene.touchstone.url, sub: 'olga', roles: ['operator', 'approver'] };
      const forged = [
        makeJws({ alg: 'none', typ: 'JWT' }, claims, null),
        makeJws({ alg: 'HS256', typ: 'JWT' }, claims, publicShapes(keys.result).pem),
        makeJws({ alg: 'ES256', jwk: publicShapes(keys.own).jwk }, claims, keys.own),
        makeJws({ alg: 'ES256', typ: 'JWT' }, claims, keys.permit),
      ];
      for (const token of forged) {
        await attack('T1', () => refusedWithoutTrace(scene.touchstone, session(token)));
      }
    });

    it('when it is a permit, a result or a join token of this deployment: UNAUTHENTICATED (T3)', async () => {
      const joinToken = await scene.touchstone.joinToken();
      const made = joinToken.replace('tsj_', 'tst_');
      for (const token of [permitIn(answer), answer.result, joinToken, made]) {
        await attack('T3', () => refusedWithoutTrace(scene.touchstone, session(token)));
      }
    });

    it('but the operator’s own does', async () => {
      const { roles } = await session(scene.touchstone.token)();
      assert.ok(roles.includes('operator'));
      assert.equal(
        await codeOf(session(`${scene.touchstone.token.slice(0, -1)}_`)()),
        'UNAUTHENTICATED',
      );
    });
  });

  describe('in the place of a join token lets no host in', () => {
    it('when it is an operator’s, a permit or a result: T3', async () => {
      const { touchstone, impostor } = scene;
      const host = await TestHost.boot(touchstone);
      try {
        await host.certify();
        const { body } = impostor.answers(PERMITS).at(-1) ?? assert.fail('nothing was answered');
        const { result } = body as PermitsAnswer;
        for (const token of [touchstone.token, result, permitIn(body as PermitsAnswer)]) {
          await attack('T3', () => refusedWithoutTrace(touchstone, () => host.enrol(token)));
        }
        assert.equal(
          await codeOf(host.enrol(touchstone.token.replace('tst_', 'tsj_'))),
          'JOIN_TOKEN_UNKNOWN',
        );
        const { hosts } = await touchstone.operator('GET', '/v1/hosts', HostList);
        assert.ok(!hosts.some(({ name }) => name === host.name));
        assert.equal((await host.enrol(await touchstone.joinToken())).class, 'software');
      } finally {
        await host.stop();
      }
    });
  });
});
