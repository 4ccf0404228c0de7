import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import type { KeyState, TrustBundle } from '@touchstone/schemas';
import { attack } from '../../test/support/attack.ts';
import { adoptKeys } from '../services/adopt-keys.ts';
import { keySealer } from '../services/sealed-key.ts';
import { KEYS_HOLD_MS, openSigningKeys } from '../services/signing-keys.ts';
import { takePermitRequest } from '../services/take-evidence.ts';
import { trustBundles } from '../services/trust-bundles.ts';
import { makeNext, turnKeys } from '../services/turn-keys.ts';
import { serverKeys } from '../store/server-keys.ts';
import { useFleet } from './support/made-fleet.ts';
import type { makeHost } from './support/made-host.ts';

const newPem = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ format: 'pem', type: 'pkcs8' })
    .toString();

describe("The server's keys", () => {
  const fleet = useFleet();
  const kidOf = async (use: 'result' | 'permit', state: KeyState) =>
    (await serverKeys(fleet.verifier.database)).find(
      (key) => key.use === use && key.state === state,
    )?.kid;
  const turn = () => turnKeys(fleet.verifier);
  const newest = () => decodeJwt<TrustBundle>(fleet.verifier.bundles.current().jws);
  const bundled = (kid: string | undefined) =>
    newest().keys.filter(({ jwk }) => jwk.kid === kid).length;
  const startNext = async (use: 'result' | 'permit') => {
    const { database, clock } = fleet.verifier;
    await makeNext(fleet.verifier, database, { use, now: clock.now(), by: 'test', detail: 'test' });
    await turn();
    return kidOf(use, 'next');
  };
  /** From now on it is there again: its statements show the newest bundle. */
  const follow = async (host: ReturnType<typeof makeHost>, hostId: string) => {
    host.boot.bundleEpoch = fleet.verifier.bundles.current().epoch;
    await fleet.attest(host, hostId);
  };
  const holds = async (token: string, { keys }: TrustBundle) => {
    const { kid } = decodeProtectedHeader(token);
    const key = keys.find(({ jwk }) => jwk.kid === kid);
    assert.ok(key, `no bundle has key ${kid}`);
    // In its last second.
    const currentDate = new Date(((decodeJwt(token).exp ?? 0) - 1) * 1_000);
    await jwtVerify(token, await importJWK(key.jwk, 'ES256'), { currentDate });
  };

  it('lie in the database sealed: without the root secret they open for nobody', async () => {
    const keys = await serverKeys(fleet.verifier.database);
    assert.deepEqual(
      keys.map(({ use, state }) => `${use} ${state}`),
      ['result active', 'permit active'],
    );
    for (const key of keys) {
      assert.ok(key.sealed !== null && !Buffer.from(key.sealed).includes('PRIVATE KEY'));
      const opened = fleet.verifier.sealer.open(key.sealed, key);
      const { x, y } = createPublicKey(opened).export({ format: 'jwk' });
      assert.deepEqual([x, y], [key.jwk.x, key.jwk.y]);
      const other = keySealer(randomBytes(32));
      assert.throws(() => other.open(key.sealed!, key), { code: 'SERVER_KEY_UNREADABLE' });
      const otherUse = key.use === 'result' ? 'permit' : 'result';
      assert.throws(() => fleet.verifier.sealer.open(key.sealed!, { ...key, use: otherUse }), {
        code: 'SERVER_KEY_UNREADABLE',
      });
    }
  });

  it('C12 turn without a token lost: what the old one signed holds until it ends', async () => {
    const { host, hostId, vm } = await fleet.vmOfTrusted();
    await follow(host, hostId);
    const ask = async () => {
      const evidence = fleet.permitEvidence(host, hostId, fleet.requestFor(vm));
      const answer = fleet.first(await takePermitRequest(fleet.verifier, evidence));
      assert.ok('permit' in answer);
      return answer.permit;
    };
    const old = {
      result: await kidOf('result', 'active'),
      permit: await kidOf('permit', 'active'),
    };
    await startNext('result');
    const next = await startNext('permit');
    assert.equal(bundled(next), 1);
    assert.equal(bundled(old.permit), 1);

    // The host is there and has not shown the bundle: the old one signs, whoever asks.
    await turn();
    assert.equal(fleet.verifier.permitKey.jwk.kid, old.permit);
    await follow(host, hostId);
    const before = { permit: await ask(), result: (await fleet.attest(host, hostId)).result };
    const agentHeld = newest();
    await turn();
    assert.equal(fleet.verifier.permitKey.jwk.kid, next);
    assert.notEqual(fleet.verifier.resultKey.jwk.kid, old.result);

    await attack('C12', async () => {
      await holds(before.permit, newest());
      await holds(before.result, newest());
      // The agent's bundle is the one of before the switch: it takes tokens of both keys.
      const after = { permit: await ask(), result: (await fleet.attest(host, hostId)).result };
      assert.equal(decodeProtectedHeader(after.permit).kid, next);
      await holds(before.permit, agentHeld);
      await holds(after.permit, agentHeld);
      await holds(after.result, agentHeld);
      // To the last second of the longest life, and beyond it.
      fleet.verifier.pass(179);
      await turn();
      await holds(before.result, newest());
      assert.equal(bundled(old.result), 1);
      return { outcome: 'HOLDS' };
    });

    fleet.verifier.pass(600);
    await turn();
    assert.deepEqual([bundled(old.result), bundled(old.permit), bundled(next)], [0, 0, 1]);
    const [gone] = (await serverKeys(fleet.verifier.database)).filter(
      ({ kid }) => kid === old.permit,
    );
    assert.deepEqual([gone?.state, gone?.sealed], ['withdrawn', null]);
  });

  it('wait a day for a host that does not follow, and for one that is away not at all', async () => {
    const { host, hostId } = await fleet.trustedHost();
    const next = await startNext('permit');
    await fleet.attest(host, hostId);
    await turn();
    assert.equal(await kidOf('permit', 'next'), next);
    fleet.verifier.pass(181);
    await turn();
    assert.equal(await kidOf('permit', 'active'), next);

    const later = await startNext('permit');
    await fleet.attest(host, hostId);
    await turn();
    assert.equal(await kidOf('permit', 'next'), later);
    // It attests and attests, and never shows a newer bundle.
    await fleet.verifier.asAdministrator(
      `UPDATE trust_bundles SET created_at = created_at - interval '25 hours'`,
    );
    await fleet.attest(host, hostId);
    await turn();
    assert.equal(await kidOf('permit', 'active'), later);
  });

  it('are made by themselves after their days, once, however many replicas look', async () => {
    const count = async () => (await serverKeys(fleet.verifier.database)).length;
    const before = await count();
    await turn();
    assert.equal(await count(), before);
    await fleet.verifier.asAdministrator(
      `UPDATE server_keys SET active_at = active_at - interval '91 days'
        WHERE state = 'active' AND use = 'result'`,
    );
    const silent = {
      ...fleet.verifier,
      bundles: { ...fleet.verifier.bundles, refresh: async () => {} },
    };
    await Promise.all(Array.from({ length: 5 }, () => turnKeys(silent)));
    assert.equal(await count(), before + 1);
    assert.ok(await kidOf('result', 'next'));
  });

  it('sign nothing at a replica that has not looked for long: SERVER_KEYS_STALE', async () => {
    let elapsedMs = 0;
    const { database, sealer } = fleet.verifier;
    const keys = await openSigningKeys(database, sealer, () => elapsedMs);
    keys.resultKey.sign({});
    elapsedMs = KEYS_HOLD_MS + 1;
    assert.throws(() => keys.resultKey.sign({}), { code: 'SERVER_KEYS_STALE' });
    assert.throws(() => keys.permitKey.sign({}), { code: 'SERVER_KEYS_STALE' });
    await keys.read();
    keys.resultKey.sign({});
  });

  it('come from the configured files first; another file there is the next one', async () => {
    const { database, sealer } = fleet.verifier;
    const [result, permit] = [newPem(), newPem()];
    await fleet.verifier.asAdministrator(`DELETE FROM server_keys`);
    await assert.rejects(openSigningKeys(database, sealer), { code: 'SERVER_KEYS_MISSING' });
    await adoptKeys({ database, sealer }, { result, permit });
    const first = await kidOf('permit', 'active');
    await adoptKeys({ database, sealer }, { result, permit: newPem() });
    const second = await kidOf('permit', 'next');
    assert.ok(second !== undefined && first === (await kidOf('permit', 'active')));
    // A third waits until the second signs.
    await adoptKeys({ database, sealer }, { result, permit: newPem() });
    assert.equal(await kidOf('permit', 'next'), second);
    await fleet.verifier.signing.read();
  });

  it('are in one bundle an epoch, whatever a replica with an older list would say', async () => {
    const { bundles } = fleet.verifier;
    const lagging = trustBundles(fleet.verifier);
    await lagging.refresh();
    const next = await startNext('result');
    const { epoch } = bundles.current();
    await lagging.refresh();
    assert.equal(lagging.current().epoch, epoch);
    assert.equal(bundled(next), 1);
  });
});
