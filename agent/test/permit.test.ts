import assert from 'node:assert/strict';
import { createHmac, KeyObject, randomUUID, sign } from 'node:crypto';
import { CompactSign, generateKeyPair } from 'jose';
import type { PermitClaims, StartRequest, TrustBundle } from '@touchstone/schemas';
import { type PendingRequest, verifyPermit } from '../gate/permit.ts';
import {
  bundleOf,
  claimsFor,
  makePermitKey,
  type PermitKey,
  signPermit,
} from './support/permit-keys.ts';

const BOOT = { resetCount: 7, restartCount: 2, clock: 5_000n };
const NOW = { bootTime: 1_003, boot: { ...BOOT, clock: 5_400n } };

describe('a permit', () => {
  let key: PermitKey;
  let resultKey: PermitKey;
  let bundle: TrustBundle;
  const request: StartRequest = {
    requestId: randomUUID(),
    vm: randomUUID(),
    operation: 'start',
    definitionDigest: '11'.repeat(32),
    imageDigests: ['22'.repeat(32)],
  };
  const pending: PendingRequest = {
    request,
    hostId: randomUUID(),
    akName: `000b${'33'.repeat(32)}`,
    challenge: Buffer.alloc(48, 1).toString('base64url'),
    askedAt: 1_000,
  };

  before(async () => {
    key = await makePermitKey('permit-1');
    resultKey = await makePermitKey('result-1');
    bundle = bundleOf(key, resultKey);
  });

  const claims = (changes: Partial<Record<keyof PermitClaims, unknown>> = {}) => ({
    ...claimsFor({ ...pending, boot: BOOT }),
    ...changes,
  });
  const verify = async (token: string | Promise<string>, now = NOW, of = pending, by = bundle) =>
    verifyPermit(await token, of, by, now);

  it('is taken for the request that waits, in the boot of the evidence', async () => {
    const given = claims();
    assert.deepEqual(await verify(signPermit(given, key)), given);
  });

  it('is taken whatever the wall clock says: exp is the server’s own affair', async () => {
    await verify(signPermit(claims({ iat: 1, exp: 61 }), key));
    await verify(signPermit(claims({ iat: 4_000_000_000, exp: 4_000_000_060 }), key));
  });

  const PERMIT_INVALID = { code: 'PERMIT_INVALID' };
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const spki = () => JSON.stringify(key.jwk);

  describe('is refused where no permit key of the bundle signed it as a permit: PERMIT_INVALID', () => {
    const header = () => ({ alg: 'ES256', kid: key.jwk.kid, typ: 'touchstone-permit+jwt' });

    it('no token', async () => {
      const token = await signPermit(claims(), key);
      const [head = '', payload = '', signature = ''] = token.split('.');
      for (const broken of [
        '',
        '..',
        `${head}.${payload}`,
        `${head}.${payload}.`,
        `${head}..${signature}`,
        `${token}.`,
        `${token}A`,
        ` ${token}`,
        JSON.stringify({ protected: head, payload, signature }),
      ]) {
        await assert.rejects(verify(broken), PERMIT_INVALID, broken);
      }
    });

    it('one changed bit of header, claims or signature', async () => {
      const token = await signPermit(claims(), key);
      const at = [5, token.indexOf('.') + 5, token.lastIndexOf('.') + 5];
      for (const index of at) {
        const other = token.charAt(index) === 'A' ? 'B' : 'A';
        const changed = token.slice(0, index) + other + token.slice(index + 1);
        await assert.rejects(verify(changed), PERMIT_INVALID);
      }
    });

    it('T1: alg none', async () => {
      for (const alg of ['none', 'None', 'NONE', '']) {
        const token = `${encode({ ...header(), alg })}.${encode(claims())}.`;
        await assert.rejects(verify(token), PERMIT_INVALID);
      }
    });

    it('T1: HS256 keyed with what is public', async () => {
      const signed = `${encode({ ...header(), alg: 'HS256' })}.${encode(claims())}`;
      const mac = createHmac('sha256', spki()).update(signed).digest('base64url');
      await assert.rejects(verify(`${signed}.${mac}`), PERMIT_INVALID);
    });

    it('T1: another algorithm, correctly signed by another kind of key', async () => {
      for (const alg of ['ES384', 'PS256', 'RS256', 'EdDSA']) {
        const { privateKey } = await generateKeyPair(alg);
        const token = new CompactSign(Buffer.from(JSON.stringify(claims())))
          .setProtectedHeader({ ...header(), alg })
          .sign(privateKey);
        await assert.rejects(verify(token), PERMIT_INVALID);
      }
    });

    it('T1: a key, or the address of one, in the header', async () => {
      const attacker = await makePermitKey(key.jwk.kid);
      for (const extra of [
        { jwk: attacker.jwk },
        { jku: 'https://127.0.0.1:1/keys' },
        { x5u: 'https://127.0.0.1:1/certificate' },
        { x5c: ['AAAA'] },
        { x5t: 'AAAA' },
      ]) {
        await assert.rejects(verify(signPermit(claims(), attacker, extra)), PERMIT_INVALID);
        await assert.rejects(verify(signPermit(claims(), key, extra)), PERMIT_INVALID);
      }
    });

    it('T1: critical headers, known to nobody or to the library', async () => {
      for (const extra of [
        { crit: ['urn:x'], 'urn:x': 1 },
        { crit: ['b64'], b64: true },
        { crit: [] },
        { zip: 'DEF' },
      ]) {
        const signed = `${encode({ ...header(), ...extra })}.${encode(claims())}`;
        const signature = sign('sha256', Buffer.from(signed), {
          key: KeyObject.from(key.privateKey),
          dsaEncoding: 'ieee-p1363',
        });
        await assert.rejects(
          verify(`${signed}.${signature.toString('base64url')}`),
          PERMIT_INVALID,
        );
      }
    });

    it('T2: a kid that is no permit key’s, or missing, or two keys’', async () => {
      for (const kid of ['permit-2', '../permit-1', "' OR 1=1 --", '', undefined]) {
        await assert.rejects(verify(signPermit(claims(), key, { kid })), PERMIT_INVALID);
      }
      const twice = { ...bundle, keys: [...bundle.keys, ...bundle.keys] };
      await assert.rejects(verify(signPermit(claims(), key), NOW, pending, twice), PERMIT_INVALID);
    });

    it('T3: another type, the result’s among them', async () => {
      for (const typ of ['touchstone-result+jwt', 'JWT', 'TOUCHSTONE-PERMIT+JWT', undefined]) {
        await assert.rejects(verify(signPermit(claims(), key, { typ })), PERMIT_INVALID);
      }
    });

    it('T3: the key for results', async () => {
      await assert.rejects(verify(signPermit(claims(), resultKey)), PERMIT_INVALID);
      const relabelled = signPermit(claims(), resultKey, { kid: key.jwk.kid });
      await assert.rejects(verify(relabelled), PERMIT_INVALID);
    });

    it('T3: another deployment’s issuer', async () => {
      await assert.rejects(
        verify(signPermit(claims({ iss: 'https://other' }), key)),
        PERMIT_INVALID,
      );
    });

    it('T4: times that no permit has, by themselves and by the bundle’s end', async () => {
      const end = Date.parse(bundle.notAfter) / 1_000;
      for (const times of [
        { iat: 1, exp: 62 },
        { iat: 1, exp: 1 },
        { iat: 60, exp: 1 },
        { iat: 1, exp: Number.MAX_SAFE_INTEGER },
        { iat: end, exp: end + 60 },
        { iat: 1, exp: 61, nbf: 1 },
      ]) {
        await assert.rejects(verify(signPermit({ ...claims(), ...times }, key)), PERMIT_INVALID);
      }
      await verify(signPermit(claims({ iat: end - 1, exp: end + 59 }), key));
      const endless = { ...bundle, notAfter: 'never' };
      const honest = signPermit(claims(), key);
      await assert.rejects(verify(honest, NOW, pending, endless), PERMIT_INVALID);
    });

    it('claims that are not exactly a permit’s', async () => {
      const { exp: _, ...withoutExp } = claims();
      for (const given of [
        withoutExp,
        claims({ exp: '61' }),
        claims({ aud: [pending.akName] }),
        claims({ 'touchstone.boot': { resetCount: 7, restartCount: 2 } }),
        { ...claims(), more: 1 },
        JSON.stringify(claims()).replace('{', '{"aud":"x",'),
        '',
        'null',
      ]) {
        await assert.rejects(verify(signPermit(given, key)), PERMIT_INVALID);
      }
    });
  });

  describe('is refused for what was not asked here: PERMIT_UNEXPECTED', () => {
    for (const [what, changes] of [
      ['T3: another AK', { aud: `000b${'44'.repeat(32)}` }],
      ['another host', { 'touchstone.host': randomUUID() }],
      ['T5: another challenge', { 'touchstone.challenge': Buffer.alloc(48).toString('base64url') }],
      ['G10: another request', { 'touchstone.request': { ...request, requestId: randomUUID() } }],
      ['G2: another VM', { 'touchstone.request': { ...request, vm: randomUUID() } }],
      [
        'another definition',
        { 'touchstone.request': { ...request, definitionDigest: '00'.repeat(32) } },
      ],
      ['another image', { 'touchstone.request': { ...request, imageDigests: ['00'.repeat(32)] } }],
      ['no image', { 'touchstone.request': { ...request, imageDigests: [] } }],
    ] as const) {
      it(what, async () => {
        await assert.rejects(verify(signPermit(claims(changes), key)), {
          code: 'PERMIT_UNEXPECTED',
        });
      });
    }
  });

  describe('is refused outside its time, which nobody sets: PERMIT_LATE', () => {
    for (const [bootTime, late] of [
      [1_000, false],
      [1_015, false],
      [1_015.01, true],
      [1_016, true],
      [999, true],
      [Number.NaN, true],
    ] as const) {
      it(`${(bootTime - 1_000).toFixed(2)} s after it was asked for: ${late ? 'late' : 'in time'}`, async () => {
        const verified = verify(signPermit(claims(), key), { ...NOW, bootTime });
        if (late) await assert.rejects(verified, { code: 'PERMIT_LATE' });
        else await verified;
      });
    }
  });

  describe('is refused in another boot than the evidence’s: PERMIT_BOOT_CHANGED', () => {
    for (const [what, boot] of [
      ['G3: reset since', { ...NOW.boot, resetCount: 8, clock: 100n }],
      ['an earlier boot', { ...NOW.boot, resetCount: 6 }],
      ['G4: resumed since', { ...NOW.boot, restartCount: 3 }],
      ['the permit’s clock ahead of the TPM’s', { ...NOW.boot, clock: 4_999n }],
    ] as const) {
      it(what, async () => {
        await assert.rejects(verify(signPermit(claims(), key), { ...NOW, boot }), {
          code: 'PERMIT_BOOT_CHANGED',
        });
      });
    }

    it('compares clocks past 2^53 exactly', async () => {
      const clock = 2n ** 63n + 1n;
      const given = claims({ 'touchstone.boot': { ...BOOT, clock: clock.toString() } });
      const at = (now: bigint) =>
        verify(signPermit(given, key), { ...NOW, boot: { ...BOOT, clock: now } });
      await at(clock);
      await assert.rejects(at(clock - 1n), { code: 'PERMIT_BOOT_CHANGED' });
    });
  });
});
