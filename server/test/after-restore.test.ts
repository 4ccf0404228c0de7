import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { TrustBundle } from '@touchstone/schemas';
import { afterRestore } from '../services/after-restore.ts';
import { sessionOf } from '../services/api-tokens.ts';
import { signingKey } from '../services/signing-key.ts';
import { trustBundles } from '../services/trust-bundles.ts';
import { listAlerts } from '../store/alerts.ts';
import { listAudit } from '../store/audit.ts';
import { newestRestore } from '../store/restores.ts';
import { type MadeVerifier, startVerifier } from './support/made-verifier.ts';

const BACKUP_AT = new Date('2026-11-20T00:00:00Z');

describe('A database that came back from a backup', () => {
  let verifier: MadeVerifier;
  let bundleKey: Awaited<ReturnType<typeof signingKey>>;
  before(async () => {
    verifier = await startVerifier();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    bundleKey = await signingKey(pem, 'touchstone-bundle+jwt');
  });
  after(() => verifier?.stop());

  beforeEach(async () => {
    await verifier.asAdministrator('DELETE FROM trust_bundles');
    await trustBundles({ ...verifier, bundleKey }).refresh();
  });
  const restore = () => afterRestore({ ...verifier, bundleKey }, BACKUP_AT);
  const newest = async () => {
    const [row] = await verifier.asAdministrator(
      'SELECT jws FROM trust_bundles ORDER BY epoch DESC LIMIT 1',
    );
    return decodeJwt<TrustBundle>(row?.['jws'] as string);
  };

  it('knows no token and no session of before, and one new token with every role', async () => {
    const old = await verifier.token(['operator', 'approver']);
    const revoked = await verifier.token(['viewer'], { revoked: true });
    await verifier.asAdministrator(
      `INSERT INTO browser_sessions SELECT sha256('x'), id, now(), now() + interval '1 hour'
         FROM api_tokens LIMIT 1`,
    );
    await verifier.asAdministrator(
      `INSERT INTO join_tokens (id, secret_hash, classes, labels, uses_left, approve, created_by, expires_at)
       VALUES (gen_random_uuid(), sha256('j'), '{software}', '{}', 1, true, 'x', now() + interval '1 day')`,
    );
    assert.notEqual(await sessionOf(verifier, old), null);
    const { token, ended } = await restore();
    assert.deepEqual(ended, { apiTokens: 1, joinTokens: 1, browserSessions: 1 });
    for (const each of [old, revoked]) assert.equal(await sessionOf(verifier, each), null);
    const session = await sessionOf(verifier, token);
    assert.deepEqual(session?.roles, ['viewer', 'operator', 'approver', 'ca-admin']);
    const open = await verifier.asAdministrator(
      'SELECT 1 FROM join_tokens WHERE revoked_at IS NULL UNION ALL SELECT 1 FROM browser_sessions',
    );
    assert.deepEqual(open, []);
  });

  it('gives agents a bundle above all that they may have seen, and says the same in it', async () => {
    const before = await newest();
    const { bundleEpoch } = await restore();
    const after = await newest();
    const epoch = Math.floor(verifier.clock.now().getTime() / 1_000);
    assert.equal(bundleEpoch?.was, 1);
    assert.ok(Math.abs(after.epoch - epoch) <= 60, String(after.epoch));
    const { epoch: _one, notAfter: _two, ...said } = before;
    const { epoch: _three, notAfter: _four, ...says } = after;
    assert.deepEqual(says, said);
    // A second restore of the same backup, later: above the first one's, though it never heard of it.
    await verifier.asAdministrator('DELETE FROM trust_bundles WHERE epoch > 1');
    verifier.pass(30);
    const again = await restore();
    assert.ok((again.bundleEpoch?.now ?? 0) > after.epoch);
  });

  it('gives a higher one though the clock has gone back', async () => {
    verifier.pass(86_400);
    await restore();
    const high = (await newest()).epoch;
    verifier.pass(-86_400);
    assert.ok(((await restore()).bundleEpoch?.now ?? 0) > high);
  });

  it('says in audit and alerts what has happened, and has another id each time', async () => {
    await restore();
    const first = await newestRestore(verifier.database);
    verifier.pass(1);
    await restore();
    const second = await newestRestore(verifier.database);
    assert.notEqual(first, second);
    const [made, entry, bundle] = await listAudit(verifier.database, { limit: 3, after: null });
    assert.deepEqual(
      [made?.action, entry?.action, bundle?.action],
      ['token.create', 'deployment.restore', 'trust-bundle.publish'],
    );
    assert.ok(entry?.subject.includes(second ?? '-') && entry.detail.includes('2026-11-20'));
    const alerts = await listAlerts(verifier.database, { all: true });
    assert.ok(
      alerts.some(
        ({ code, subject }) => code === 'DEPLOYMENT_RESTORED' && subject.includes(second ?? '-'),
      ),
    );
  });
});
