import assert from 'node:assert/strict';
import { randomBytes, randomUUID, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAkCertificate } from '@touchstone/endorsement';
import { ActivationAnswer, EnrollmentChallenge, type EnrollmentRequest } from '@touchstone/schemas';
import { type Postgres, startPostgres } from '../../test/support/postgres.ts';
import { type CaProcess, runCa, startCa } from './support/ca-process.ts';
import { base64Url, startTpmHost, type TpmHost } from './support/tpm-host.ts';

const DATABASE = 'ca_renewal';

describe('renewal at the CA: a fresh activation of the recorded AK and EK', () => {
  let postgres: Postgres;
  let host: TpmHost;
  let ca: CaProcess;

  before(async () => {
    postgres = await startPostgres();
    host = await startTpmHost();
    const certificateFile = join(host.swtpm.caDir, 'issuercert.pem');
    ca = await startCa(postgres, {
      database: DATABASE,
      roots: [{ certificateFile, class: 'virtual' }],
    });
  });
  after(async () => {
    await ca?.remove();
    await host?.stop();
    await postgres?.stop();
  });

  const ask = (path: string, body: unknown) =>
    ca.client.request({ method: 'POST', path, body, schema: EnrollmentChallenge });
  const begin = (id: string) => ask(`/v1/enrollments/${id}/renewals`, {});
  const activate = (id: string, secret: string) =>
    ca.client.request({
      ...{ method: 'POST', path: `/v1/enrollments/${id}/activation`, schema: ActivationAnswer },
      body: { secret },
    });
  const certificateOf = ({ certificates }: ActivationAnswer) =>
    parseAkCertificate(new X509Certificate(certificates[0] ?? '').raw);
  const enrol = async (request: EnrollmentRequest = host.request()) => {
    const challenge = await ask('/v1/enrollments', request);
    const answer = await activate(challenge.enrollmentId, await host.activate(challenge));
    return { id: challenge.enrollmentId, certificate: certificateOf(answer) };
  };
  const renew = async (id: string) => {
    const challenge = await begin(id);
    return certificateOf(await activate(challenge.enrollmentId, await host.activate(challenge)));
  };
  const query = async (sql: string, values: unknown[] = []) =>
    (await postgres.query(DATABASE, sql, values)).rows as Record<string, unknown>[];
  /** The CA under another configuration, over the same database and keys. */
  const reconfigured = async (change: (config: Record<string, unknown>) => object) => {
    const config = JSON.parse(await readFile(ca.configFile, 'utf8')) as Record<string, unknown>;
    await writeFile(ca.configFile, JSON.stringify({ ...config, ...change(config) }));
    await ca.stop();
    await ca.start();
  };

  it('gives another certificate for the same AK, EK and class, as often as it is asked', async () => {
    const { id, certificate } = await enrol();
    for (let time = 0; time < 3; time += 1) {
      const renewed = await renew(id);
      assert.notEqual(renewed.serial, certificate.serial);
      assert.ok(renewed.notAfter >= certificate.notAfter);
      for (const field of ['akName', 'ekRef', 'class'] as const) {
        assert.equal(renewed[field], certificate[field]);
      }
    }
  });

  it('is there after any absence: the enrolment itself is forgotten long since', async () => {
    const { id } = await enrol();
    await query('DELETE FROM enrollments WHERE id = $1', [id]);
    await renew(id);
  });

  it('refuses a wrong secret like an enrolment does, and never signs what was recorded', async () => {
    const { id } = await enrol();
    const before = await query('SELECT count(*) FROM certificates');
    const { enrollmentId } = await begin(id);
    await assert.rejects(activate(enrollmentId, base64Url(randomBytes(32))), {
      code: 'ACTIVATION_WRONG',
    });
    assert.deepEqual(await query('SELECT count(*) FROM certificates'), before);
  });

  it('is under the first enrolment only, and only once that was activated: RENEWAL_UNKNOWN', async () => {
    const { id } = await enrol();
    const unanswered = await ask('/v1/enrollments', host.request());
    const renewal = await begin(id);
    for (const unknown of [unanswered.enrollmentId, renewal.enrollmentId, randomUUID()]) {
      await assert.rejects(begin(unknown), { code: 'RENEWAL_UNKNOWN' });
    }
    await assert.rejects(begin('x'), { code: 'ID_MALFORMED' });
  });

  it('takes no word of the host: SCHEMA_MISMATCH', async () => {
    const { id } = await enrol();
    const path = `/v1/enrollments/${id}/renewals`;
    await assert.rejects(ask(path, { akPublic: host.request(host.aks[1]).akPublic }), {
      code: 'SCHEMA_MISMATCH',
    });
    await assert.rejects(ask(path, { software: true }), { code: 'SCHEMA_MISMATCH' });
  });

  it('checks the chain again: a root that was taken away, or has another class, ends it', async () => {
    const { id, certificate } = await enrol({ ...host.request(), software: false });
    assert.equal(certificate.class, 'virtual');
    const roots = (await readRoots()) as { certificateFile: string; class: string }[];
    await reconfigured(() => ({ roots: [] }));
    await assert.rejects(begin(id), { code: 'EK_UNTRUSTED_ROOT' });
    await reconfigured(() => ({ roots: roots.map((root) => ({ ...root, class: 'discrete' })) }));
    await assert.rejects(begin(id), { code: 'RENEWAL_DIFFERS' });
    await reconfigured(() => ({ roots }));
    await renew(id);
  });

  it('checks the pin again: RENEWAL_DIFFERS', async () => {
    const { id } = await enrol();
    // Another secret of ekRef, and every host would be another one.
    const turn = async (from: string, to: string) => {
      // Past the foreign keys.
      await query(
        `SET session_replication_role = replica;
         UPDATE endorsement_keys SET ek_ref = '\\x${to}' WHERE ek_ref = '\\x${from}'`,
        [],
      );
    };
    const [pin] = await query(`SELECT encode(ek_ref, 'hex') AS ref FROM endorsement_keys`, []);
    const [ekRef, other] = [String(pin?.['ref']), randomBytes(32).toString('hex')];
    await turn(ekRef, other);
    await assert.rejects(begin(id), { code: 'RENEWAL_DIFFERS' });
    await turn(other, ekRef);
    await begin(id);

    const [kept] = await query('SELECT ek_name FROM attestation_keys WHERE enrollment_id = $1', [
      id,
    ]);
    await query(
      `INSERT INTO endorsement_keys (ek_name, ek_ref, class, certificates)
       VALUES ($1, $2, 'software', '{}')`,
      [randomBytes(34), randomBytes(32)],
    );
    await query(
      `UPDATE attestation_keys SET ek_name =
         (SELECT ek_name FROM endorsement_keys WHERE ek_name <> $2 LIMIT 1)
       WHERE enrollment_id = $1`,
      [id, kept?.['ek_name']],
    );
    await assert.rejects(begin(id), { code: 'RENEWAL_DIFFERS' });
  });

  it('ends with the revocation of the EK, as does a new enrolment: EK_REVOKED', async () => {
    const { id, certificate } = await enrol();
    const [renewal, enrolment] = [await begin(id), await ask('/v1/enrollments', host.request())];
    const revoke = (ekRef: string) =>
      runCa('revoke-ek', '--config', ca.configFile, '--ek-ref', ekRef, '--reason', 'stolen');
    assert.equal((await revoke('ab'.repeat(32))).code, 1);
    assert.equal((await revoke(certificate.ekRef)).code, 0);
    for (const begun of [renewal, enrolment]) {
      await assert.rejects(activate(begun.enrollmentId, await host.activate(begun)), {
        code: 'ACTIVATION_ENDED',
      });
    }
    await assert.rejects(begin(id), { code: 'EK_REVOKED' });
    await assert.rejects(ask('/v1/enrollments', host.request()), { code: 'EK_REVOKED' });
    await query('UPDATE endorsement_keys SET revoked_at = NULL, revoked_because = NULL');
  });

  async function readRoots(): Promise<unknown> {
    return (JSON.parse(await readFile(ca.configFile, 'utf8')) as { roots: unknown }).roots;
  }
});
