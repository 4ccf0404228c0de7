import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parseAkCertificate, parseRevocationList } from '@touchstone/endorsement';
import {
  ActivationAnswer,
  AuditList,
  CaBundle,
  CrlIndex,
  EnrollmentChallenge,
  Revocation,
} from '@touchstone/schemas';
import { ProblemError } from '@touchstone/transport';
import pg from 'pg';
import { type Postgres, startPostgres } from '../../test/support/postgres.ts';
import { takePlace } from '../store/index.ts';
import { type CaProcess, firstOperators, runCa, startCa } from './support/ca-process.ts';
import { startTpmHost, type TpmHost } from './support/tpm-host.ts';

const run = promisify(execFile);
const DATABASE = 'ca_revocation';
const URL_OF = 'https://ca.example:9443/v1/crls/';
const DAY_MS = 86_400_000;

describe('revocation at the CA', () => {
  let postgres: Postgres;
  let first: TpmHost;
  let second: TpmHost;
  let ca: CaProcess;
  let token: string;
  let dir: string;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-crl-'));
    [postgres, first] = await Promise.all([startPostgres(), startTpmHost()]);
    // One after the other: two that were called at the same time were seen to wait for each other for ever.
    second = await startTpmHost();
    ca = await startCa(postgres, { database: DATABASE });
    [token] = await firstOperators(ca);
  });
  after(async () => {
    await ca?.remove();
    await first?.stop();
    await second?.stop();
    await postgres?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const query = async (sql: string, values: unknown[] = []) =>
    (await postgres.query(DATABASE, sql, values)).rows as Record<string, unknown>[];
  const get = async () =>
    (await ca.client.request({ method: 'GET', path: '/v1/crls', schema: CrlIndex })).lists;
  const bundle = () => ca.client.request({ method: 'GET', path: '/v1/bundle', schema: CaBundle });
  const listAt = async (keyId: string, partition: number) => {
    const der = await ca.client.bytes({ path: `/v1/crls/${keyId}/${partition}` });
    return { der, list: parseRevocationList(der) };
  };
  /** Until `look` gives something: lists follow within seconds. */
  async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
    for (const until = Date.now() + 20_000; Date.now() < until; await sleep(100)) {
      const found = await look();
      if (found !== undefined) return found;
    }
    assert.fail(`it did not come to be: ${ca.stderr().slice(-2_000)}`);
  }
  const revoked = async (keyId: string, partition: number, serial: string) =>
    (await listAt(keyId, partition)).list.revoked.get(serial);
  const codeOf = async (asked: Promise<unknown>) => {
    const error = await asked.then(
      () => assert.fail('it was not refused'),
      (refusal: unknown) => refusal,
    );
    assert.ok(error instanceof ProblemError, String(error));
    return error.code;
  };
  const begin = (host: TpmHost) =>
    ca.client.request({
      ...{ method: 'POST', path: '/v1/enrollments', schema: EnrollmentChallenge },
      body: host.request(),
    });
  const certify = async (host: TpmHost) => {
    const challenge = await begin(host);
    const { certificates } = await ca.client.request({
      ...{ method: 'POST', schema: ActivationAnswer },
      path: `/v1/enrollments/${challenge.enrollmentId}/activation`,
      body: { secret: await host.activate(challenge) },
    });
    return { pem: certificates[0] ?? '', ...read(certificates[0]) };
  };
  const read = (pem = '') => parseAkCertificate(new X509Certificate(pem).raw);
  const revoke = (body: object, bearer = token) =>
    ca.client.request({
      ...{ method: 'POST', path: '/v1/operator/revocations', schema: Revocation, body, bearer },
    });

  /** What openssl says of a certificate, held against the list of its own place. */
  async function opensslVerify(pem: string, der: Uint8Array): Promise<string> {
    const { anchors, issuers } = await bundle();
    const files = { anchor: anchors[0], issuer: issuers[0]?.certificate, ak: pem };
    for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text ?? '');
    await writeFile(join(dir, 'crl.der'), der);
    const checked = ['crl', '-inform', 'DER', '-in', 'crl.der', '-CAfile', 'issuer'];
    const { stderr } = await run('openssl', [...checked, '-out', 'crl.pem'], { cwd: dir });
    assert.match(stderr, /verify OK/);
    const verify = ['verify', '-x509_strict', '-purpose', 'any', '-crl_check', '-CAfile', 'anchor'];
    const with_ = ['-untrusted', 'issuer', '-CRLfile', 'crl.pem', 'ak'];
    return run('openssl', [...verify, ...with_], { cwd: dir }).then(
      ({ stdout }) => stdout.trim(),
      (error: { stderr: string }) => error.stderr,
    );
  }

  it('has the first list of its issuer out before anybody asks for a certificate', async () => {
    const [entry] = await eventually(async () => {
      const lists = await get();
      return lists.length > 0 ? lists : undefined;
    });
    const keyId = (await bundle()).issuers[0]?.keyId;
    assert.deepEqual([entry?.issuerKeyId, entry?.partition], [keyId, 1]);
  });

  it('has a list out for every certificate, before that leaves; openssl takes both', async () => {
    const { pem, crl, issuerKeyId, serial } = await certify(first);
    assert.deepEqual(crl.url, `${URL_OF}${issuerKeyId}/1`);
    const [entry, ...more] = await get();
    assert.ok(entry);
    assert.deepEqual(more, []);
    assert.deepEqual([entry.partition, entry.url], [1, crl.url]);
    const { der, list } = await listAt(issuerKeyId, 1);
    assert.equal(`${list.number}`, entry.number);
    assert.equal(list.nextUpdate.getTime() - list.thisUpdate.getTime(), DAY_MS);
    assert.equal(list.revoked.has(serial), false);
    assert.match(await opensslVerify(pem, der), /ak: OK/);
  });

  it('keeps within 2,000 certificates a partition, however many come at once', async () => {
    const keyId = (await bundle()).issuers[0]?.keyId ?? '';
    await query('UPDATE crl_partitions SET issued = 1990');
    const { host, port } = { host: postgres.socketDir, port: postgres.port };
    const { adminUser: user, adminPassword: password } = postgres;
    const pool = new pg.Pool({ host, port, user, password, database: DATABASE, max: 8 });
    try {
      const taken = async (): Promise<number> =>
        (await takePlace(pool, keyId, `${URL_OF}${keyId}/`))?.partition ?? taken();
      const all = await Promise.all(Array.from({ length: 40 }, taken));
      assert.equal(all.filter((partition) => partition === 1).length, 10);
      assert.equal(all.filter((partition) => partition === 2).length, 30);
    } finally {
      await pool.end();
    }
    const issued = await query('SELECT partition, issued FROM crl_partitions ORDER BY partition');
    assert.deepEqual(issued, [
      { partition: 1, issued: 2000 },
      { partition: 2, issued: 30 },
    ]);
  });

  it('opens a partition for the 2,001st certificate, whose list is out before it', async () => {
    await query('DELETE FROM crl_partitions WHERE partition = 2');
    await query('UPDATE crl_partitions SET issued = 1999 WHERE partition = 1');
    assert.equal((await certify(first)).crl.partition, 1);
    const { crl, issuerKeyId, serial } = await certify(first);
    assert.equal(crl.partition, 2);
    assert.equal((await listAt(issuerKeyId, 2)).list.place.url, crl.url);
    assert.equal(await revoked(issuerKeyId, 2, serial), undefined);
  });

  it('revokes a TPM for good by one word: its EK is refused, and all it has is listed at once', async () => {
    const mine = await certify(first);
    const other = await certify(second);
    const { ekRef, issuerKeyId } = mine;
    const under = await begin(first);
    const before = (await listAt(issuerKeyId, 2)).list;
    const answer = await revoke({ ekRef, reason: 'stolen from the shed' });
    assert.deepEqual(answer, { ekRef, revoked: 4, listed: true });

    const { der, list } = await listAt(issuerKeyId, 2);
    assert.ok(list.number > before.number);
    assert.equal(list.revoked.get(mine.serial)?.reason, 'unspecified');
    assert.equal(list.revoked.has(other.serial), false);
    assert.equal((await listAt(issuerKeyId, 1)).list.revoked.size, 2);
    assert.match(await opensslVerify(mine.pem, der), /certificate revoked/);
    assert.match(await opensslVerify(other.pem, der), /ak: OK/);

    assert.equal(await codeOf(begin(first)), 'EK_REVOKED');
    const secret = await first.activate(under);
    const path = `/v1/enrollments/${under.enrollmentId}/activation`;
    const late = { method: 'POST', path, schema: ActivationAnswer, body: { secret } } as const;
    assert.equal(await codeOf(ca.client.request(late)), 'ACTIVATION_ENDED');

    const again = await revoke({ ekRef, reason: 'once more' });
    assert.deepEqual(again, { ekRef, revoked: 0, listed: true });
    assert.deepEqual(
      await query(
        'SELECT DISTINCT revoked_because FROM endorsement_keys WHERE revoked_at IS NOT NULL',
      ),
      [{ revoked_because: 'stolen from the shed' }],
    );
    const asked = { method: 'GET', path: '/v1/operator/audit', schema: AuditList } as const;
    const { entries } = await ca.client.request({ ...asked, bearer: token });
    const lines = entries.filter(({ action }) => action === 'ek.revoke');
    assert.deepEqual(
      lines.map(({ subject, detail }) => [subject, detail]),
      [
        [ekRef, '4 certificates: stolen from the shed'],
        [ekRef, '0 certificates: once more'],
      ],
    );
  });

  it('revokes nothing that it does not know, and for nobody: EK_UNKNOWN, UNAUTHENTICATED', async () => {
    const ekRef = 'ab'.repeat(32);
    assert.equal(await codeOf(revoke({ ekRef, reason: 'no' })), 'EK_UNKNOWN');
    assert.equal(await codeOf(revoke({ ekRef, reason: 'no' }, 'tsc_wrong')), 'UNAUTHENTICATED');
  });

  it('takes no revocation back', async () => {
    await assert.rejects(
      query(
        'UPDATE certificates SET revoked_at = NULL, revoke_reason = NULL WHERE revoked_at IS NOT NULL',
      ),
      /revoked once/,
    );
  });

  it('makes lists again before they are old, each with a greater number', async () => {
    const keyId = (await bundle()).issuers[0]?.keyId ?? '';
    const { list: before } = await listAt(keyId, 2);
    await query(`UPDATE crl_partitions SET this_update = this_update - interval '1 hour'`);
    const after = await eventually(async () => {
      const { list } = await listAt(keyId, 2);
      return list.number > before.number ? list : undefined;
    });
    assert.deepEqual(after.revoked, before.revoked);
  });

  it('lists certificates that name no list in partition 0, for as long as there are any', async () => {
    const [row] = await query(
      `UPDATE certificates SET crl_partition = 0 WHERE revoked_at IS NULL
       RETURNING encode(issuer_key_id, 'hex') AS issuer`,
    );
    const keyId = row?.['issuer'] as string;
    const entry = await eventually(async () =>
      (await get()).find(({ partition }) => partition === 0),
    );
    assert.equal(entry.url, null);
    const { list } = await listAt(keyId, 0);
    assert.equal(list.place.key, `${keyId}/0`);
  });

  it('is followed by lists within seconds where the command on its machine revokes', async () => {
    const [row] = await query(
      `SELECT encode(ek_ref, 'hex') AS "ekRef", encode(serial, 'hex') AS serial,
         encode(issuer_key_id, 'hex') AS issuer FROM certificates WHERE revoked_at IS NULL`,
    );
    const { ekRef, serial, issuer } = row as Record<'ekRef' | 'serial' | 'issuer', string>;
    const args = ['revoke-ek', '--config', ca.configFile, '--ek-ref', ekRef, '--reason', 'lost'];
    assert.equal((await runCa(...args)).code, 0);
    await eventually(() => revoked(issuer, 0, serial));
    assert.equal(await codeOf(begin(second)), 'EK_REVOKED');
  });

  it('makes a list of 2,000 entries, which openssl reads', async () => {
    const keyId = (await bundle()).issuers[0]?.keyId ?? '';
    await query(
      `INSERT INTO certificates (serial, enrollment_id, ak_name, ek_ref, class, issuer_key_id, not_before, not_after,
         crl_partition, revoked_at, revoke_reason)
       SELECT substring(sha256(n::text::bytea) FOR 1) || substring(sha256(n::text::bytea) FOR 15), gen_random_uuid(),
         '', (SELECT ek_ref FROM endorsement_keys LIMIT 1), 'software', decode($1, 'hex'), now(), now() + interval '1 day',
         2, now(), 'cessationOfOperation'
       FROM generate_series(1, 2000 - (SELECT count(*)::integer FROM certificates WHERE crl_partition = 2)) n`,
      [keyId],
    );
    await query('UPDATE crl_partitions SET due = true WHERE partition = 2');
    const { der, list } = await eventually(async () => {
      const found = await listAt(keyId, 2);
      return found.list.revoked.size > 1_000 ? found : undefined;
    });
    assert.equal(list.revoked.size, 2_000);
    await writeFile(join(dir, 'full.der'), der);
    const asked = [
      'crl',
      '-inform',
      'DER',
      '-in',
      'full.der',
      '-noout',
      '-text',
      '-CAfile',
      'issuer',
    ];
    const { stdout, stderr } = await run('openssl', asked, { cwd: dir, maxBuffer: 10_000_000 });
    assert.match(stderr, /verify OK/);
    assert.equal(stdout.match(/Serial Number/g)?.length, 2_000);
  });

  it('forgets no revoked certificate before its entry may go, and lets entries go after', async () => {
    const keyId = (await bundle()).issuers[0]?.keyId ?? '';
    const serial = randomBytes(16);
    await query(
      `INSERT INTO certificates (serial, enrollment_id, ak_name, ek_ref, class, issuer_key_id, not_before, not_after,
         crl_partition, revoked_at, revoke_reason)
       SELECT $1, gen_random_uuid(), '', (SELECT ek_ref FROM endorsement_keys LIMIT 1), 'software', decode($2, 'hex'),
         now() - interval '16 days', now() - interval '10 days', 1, now() - interval '11 days', 'superseded'`,
      [serial, keyId],
    );
    await query('UPDATE crl_partitions SET due = true WHERE partition = 1');
    await eventually(async () => {
      const due = await query('SELECT 1 FROM crl_partitions WHERE due');
      return due.length === 0 ? true : undefined;
    });
    assert.equal(await revoked(keyId, 1, serial.toString('hex')), undefined);
    await query('SELECT forget_ended_certificates()');
    const kept = await query('SELECT 1 FROM certificates WHERE serial = $1', [serial]);
    assert.equal(kept.length, 1);
  });

  it('has no list of what never was: CRL_UNKNOWN, ID_MALFORMED', async () => {
    const keyId = (await bundle()).issuers[0]?.keyId ?? '';
    assert.equal(await codeOf(listAt(keyId, 99)), 'CRL_UNKNOWN');
    assert.equal(await codeOf(listAt('ab'.repeat(20), 1)), 'CRL_UNKNOWN');
    assert.equal(await codeOf(listAt(keyId, -1)), 'ID_MALFORMED');
  });

  it('gives lists of an issuer that only verifies, and none of one that is refused', async () => {
    const keyId = (await bundle()).issuers[0]?.keyId ?? '';
    await query(`UPDATE authorities SET state = 'verify-only' WHERE role = 'issuing';
      INSERT INTO authorities (key_id, role, certificate, signed_by, not_before, not_after, state)
      SELECT sha256(key_id), role, certificate, signed_by, not_before, not_after, 'active'
        FROM authorities WHERE role = 'issuing'`);
    assert.ok((await get()).some(({ issuerKeyId }) => issuerKeyId === keyId));
    await query(
      `UPDATE authorities SET state = 'refused', reason = 'retired', refused_at = now() WHERE key_id = decode($1, 'hex')`,
      [keyId],
    );
    assert.deepEqual(await get(), []);
    assert.equal(await codeOf(listAt(keyId, 1)), 'CRL_UNKNOWN');
  });
});
