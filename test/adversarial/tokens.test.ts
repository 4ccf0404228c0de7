import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostList, type PermitClaims, type PermitsAnswer, Session } from '@touchstone/schemas';
import { attack, type Observed } from '../support/attack.ts';
import {
  type GateScene,
  permitIn,
  PERMITS,
  startGateScene,
  withPermit,
} from '../support/gate-scene.ts';
import { base64Url, type Header, makeJws, publicShapes, readJws } from '../support/jws.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { codeOf, TestHost } from '../support/test-host.ts';

type Keys = {
  readonly permit: KeyObject;
  readonly result: KeyObject;
  /** Nobody’s. */
  readonly own: KeyObject;
};

/** A forger has the answer that the server gave, and whatever keys the forgery grants. */
type Forgery = {
  readonly header: Header;
  readonly claims: PermitClaims;
  readonly permit: string;
  readonly result: string;
  readonly keys: Keys;
};
type Forge = (forgery: Forgery) => string;

const URL_OF_A_FORGER = 'https://127.0.0.1:1/key';
const without = <T extends object>(whole: T, name: keyof T): Partial<T> => {
  const { [name]: _, ...rest } = whole;
  return rest as Partial<T>;
};

/** T1: the header decides nothing. */
const HEADERS: readonly [string, Forge][] = [
  ['with alg none', ({ header, claims }) => makeJws({ ...header, alg: 'none' }, claims, null)],
  [
    'with alg None and the old signature',
    ({ header, claims, permit }) =>
      makeJws({ ...header, alg: 'None' }, claims, null) + readJws(permit).signature,
  ],
  ['without a signature', ({ header, claims }) => makeJws(header, claims, null)],
  [
    'with a signature of zeros',
    ({ header, claims }) => makeJws(header, claims, null) + base64Url(new Uint8Array(64)),
  ],
  [
    'by HS256 with the public key as PEM',
    ({ header, claims, keys }) =>
      makeJws({ ...header, alg: 'HS256' }, claims, publicShapes(keys.permit).pem),
  ],
  [
    'by HS256 with the public key as DER',
    ({ header, claims, keys }) =>
      makeJws({ ...header, alg: 'HS256' }, claims, publicShapes(keys.permit).der),
  ],
  [
    'by HS256 with the public key as JWK',
    ({ header, claims, keys }) => {
      const secret = Buffer.from(JSON.stringify(publicShapes(keys.permit).jwk));
      return makeJws({ ...header, alg: 'HS256' }, claims, secret);
    },
  ],
  [
    'by another key under the permit key’s id',
    ({ header, claims, keys }) => makeJws(header, claims, keys.own),
  ],
  [
    'by a key that its header brings (jwk)',
    ({ header, claims, keys }) =>
      makeJws({ ...header, jwk: publicShapes(keys.own).jwk }, claims, keys.own),
  ],
  [
    'by a key that its header names (jku)',
    ({ header, claims, keys }) => makeJws({ ...header, jku: URL_OF_A_FORGER }, claims, keys.own),
  ],
  [
    'by a certificate that its header names (x5u)',
    ({ header, claims, keys }) => makeJws({ ...header, x5u: URL_OF_A_FORGER }, claims, keys.own),
  ],
  [
    'by another key under no id',
    ({ header, claims, keys }) => makeJws(without(header, 'kid'), claims, keys.own),
  ],
  [
    'by the permit key under no id',
    ({ header, claims, keys }) => makeJws(without(header, 'kid'), claims, keys.permit),
  ],
  [
    'by the permit key under another id',
    ({ header, claims, keys }) => makeJws({ ...header, kid: '../permit-key' }, claims, keys.permit),
  ],
  [
    'by the permit key with an unknown critical extension',
    ({ header, claims, keys }) =>
      makeJws({ ...header, crit: ['urn:x'], 'urn:x': true }, claims, keys.permit),
  ],
  [
    'by the permit key with a known critical extension (b64)',
    ({ header, claims, keys }) =>
      makeJws({ ...header, crit: ['b64'], b64: true }, claims, keys.permit),
  ],
  [
    'by the permit key with itself in the header',
    ({ header, claims, keys }) =>
      makeJws({ ...header, jwk: publicShapes(keys.permit).jwk }, claims, keys.permit),
  ],
  [
    'whose claims were changed after it was signed',
    ({ header, claims, permit }) =>
      makeJws(header, { ...claims, exp: claims.exp + 1 }, null) + readJws(permit).signature,
  ],
  ['with a part too many', ({ permit }) => `${permit}.${base64Url('{}')}`],
  ['with a space in it', ({ permit }) => permit.replace('.', ' .')],
];

/** T3: signed by the deployment’s own keys, but not this permit. */
const PURPOSES: readonly [string, string, Forge][] = [
  ['the attestation result of the same answer', 'PERMIT_INVALID', ({ result }) => result],
  [
    'signed by the result key',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws(header, claims, keys.result),
  ],
  [
    'signed by the result key under its own id',
    'PERMIT_INVALID',
    ({ header, claims, result, keys }) =>
      makeJws({ ...header, kid: readJws(result).header['kid'] }, claims, keys.result),
  ],
  [
    'of the result’s type',
    'PERMIT_INVALID',
    ({ header, claims, keys }) =>
      makeJws({ ...header, typ: 'touchstone-result+jwt' }, claims, keys.permit),
  ],
  [
    'of type JWT',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws({ ...header, typ: 'JWT' }, claims, keys.permit),
  ],
  [
    'of no type',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws(without(header, 'typ'), claims, keys.permit),
  ],
  [
    'by another issuer',
    'PERMIT_INVALID',
    ({ header, claims, keys }) =>
      makeJws(header, { ...claims, iss: 'https://other.example' }, keys.permit),
  ],
  ...(['iss', 'aud', 'exp', 'touchstone.boot', 'touchstone.request'] as const).map(
    (name): [string, string, Forge] => [
      `without the claim ${name}`,
      'PERMIT_INVALID',
      ({ header, claims, keys }) => makeJws(header, without(claims, name), keys.permit),
    ],
  ),
  [
    'for a list of audiences',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws(header, { ...claims, aud: [claims.aud] }, keys.permit),
  ],
  [
    'with a claim that nobody knows',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws(header, { ...claims, admin: true }, keys.permit),
  ],
  [
    'with a claim twice',
    'PERMIT_INVALID',
    ({ header, claims, keys }) =>
      makeJws(header, JSON.stringify(claims).replace('{', '{"exp":1,'), keys.permit),
  ],
  [
    'for another AK',
    'PERMIT_UNEXPECTED',
    ({ header, claims, keys }) =>
      makeJws(header, { ...claims, aud: `000b${'ab'.repeat(32)}` }, keys.permit),
  ],
  [
    'for another host',
    'PERMIT_UNEXPECTED',
    ({ header, claims, keys }) =>
      makeJws(header, { ...claims, 'touchstone.host': claims.jti }, keys.permit),
  ],
  [
    'for another challenge',
    'PERMIT_UNEXPECTED',
    ({ header, claims, keys }) =>
      makeJws(header, { ...claims, 'touchstone.challenge': 'AAAA' }, keys.permit),
  ],
  ...(['requestId', 'vm', 'definitionDigest', 'imageDigests'] as const).map(
    (name): [string, string, Forge] => [
      `for another ${name}`,
      'PERMIT_UNEXPECTED',
      ({ header, claims, keys }) => {
        const other = {
          requestId: claims.jti,
          vm: claims.jti,
          definitionDigest: '0'.repeat(64),
          imageDigests: ['0'.repeat(64)],
        }[name];
        const request = { ...claims['touchstone.request'], [name]: other };
        return makeJws(header, { ...claims, 'touchstone.request': request }, keys.permit);
      },
    ],
  ),
];

describe('A token', () => {
  let scene: GateScene;
  let keys: Keys;
  before(async function () {
    this.timeout(90_000);
    scene = await startGateScene('tokens');
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
    for (const [what, make] of HEADERS) {
      it(`${what}: PERMIT_INVALID (T1)`, async () => {
        forge(make);
        const vm = await scene.newVm();
        await attack('T1', () => refused(vm));
      });
    }

    for (const [what, code, make] of PURPOSES) {
      it(`${what}: ${code} (T3)`, async () => {
        forge(make);
        const vm = await scene.newVm();
        const seen = await attack('T3', () => refused(vm));
        assert.equal(seen.code, code);
      });
    }

    it('at `touchstone-agent run` either: PERMIT_INVALID (T1, T3)', async () => {
      const vm = await scene.newVm();
      forge(({ header, claims }) => makeJws({ ...header, alg: 'none' }, claims, null));
      await attack('T1', async () => ({ ...(await scene.denied(vm)), outcome: 'R' }));
      forge(({ result }) => result);
      await attack('T3', async () => ({ ...(await scene.denied(vm)), outcome: 'R' }));
    });

    it('but the same claims under the same header by the permit key are the permit', async () => {
      forge(({ header, claims, keys: { permit } }) => makeJws(header, claims, permit));
      await scene.permitted(await scene.newVm());
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
