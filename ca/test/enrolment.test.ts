import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  akQualifiedNameOf,
  ekRefOf,
  parseAkCertificate,
  verifyAkCertificate,
} from '@touchstone/endorsement';
import {
  ActivationAnswer,
  CaBundle,
  EnrollmentChallenge,
  type EnrollmentRequest,
  Health,
} from '@touchstone/schemas';
import { encodeTpm2bPublic, nameOf, parseTpm2bPublic, TPMA_OBJECT } from '@touchstone/tpm';
import { ProblemError } from '@touchstone/transport';
import { attack } from '../../test/support/attack.ts';
import { type Postgres, startPostgres } from '../../test/support/postgres.ts';
import { type CaProcess, startCa } from './support/ca-process.ts';
import { makeEndorsement } from './support/made-endorsement.ts';
import { base64Url, startTpmHost, type TpmHost } from './support/tpm-host.ts';

const run = promisify(execFile);
const DATABASE = 'ca_enrolment';

describe('enrolment at the CA', () => {
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

  const enrol = (request: EnrollmentRequest) =>
    ca.client.request({
      ...{ method: 'POST', path: '/v1/enrollments', body: request, schema: EnrollmentChallenge },
    });
  const activate = (id: string, secret: string, more: object = {}) =>
    ca.client.request({
      ...{ method: 'POST', path: `/v1/enrollments/${id}/activation`, schema: ActivationAnswer },
      body: { secret, ...more },
    });
  const query = async (sql: string, values: unknown[] = []) =>
    (await postgres.query(DATABASE, sql, values)).rows as Record<string, unknown>[];
  const issuedCount = async () =>
    (await query('SELECT count(*)::integer AS n FROM certificates'))[0]?.['n'];
  const wrong = () => base64Url(randomBytes(32));
  /** The problem that a request was refused with. */
  const problemOf = async (asked: Promise<unknown>) => {
    const error = await asked.then(
      () => assert.fail('it was not refused'),
      (refusal: unknown) => refusal,
    );
    assert.ok(error instanceof ProblemError, String(error));
    return error.problem;
  };
  const codeOf = async (asked: Promise<unknown>) => (await problemOf(asked)).code;

  it('ends in an AK certificate that the verifier takes, and openssl too', async () => {
    const challenge = await enrol(host.request());
    const { certificates } = await activate(challenge.enrollmentId, await host.activate(challenge));
    const bundle = await ca.client.request({
      ...{ method: 'GET', path: '/v1/bundle', schema: CaBundle },
    });

    const [akPem = '', issuerPem = ''] = certificates;
    const certificate = parseAkCertificate(derOf(akPem));
    const akPublic = parseTpm2bPublic(host.aks[0].publicArea);
    const ekPublic = parseTpm2bPublic(host.ekPublic);
    const issuers = bundle.issuers.map((issuer) => ({
      ...issuer,
      certificate: derOf(issuer.certificate),
    }));
    const now = new Date();
    assert.deepEqual(verifyAkCertificate({ certificate, akPublic, issuers, now }), []);
    assert.deepEqual(
      Buffer.from(certificate.akQualifiedName),
      Buffer.from(akQualifiedNameOf(ekPublic, akPublic)),
    );
    const secret = await readFile(join(ca.stateDir, 'ekref.secret'));
    const ekRef = Buffer.from(ekRefOf(secret, nameOf(ekPublic))).toString('hex');
    assert.equal(certificate.ekRef, ekRef);
    assert.equal(certificate.class, 'software');
    await opensslVerifies({ anchor: bundle.anchors[0] ?? '', issuer: issuerPem, ak: akPem });

    const [recorded] = await query(
      `SELECT encode(serial, 'hex') AS serial, encode(ak_name, 'hex') AS ak_name,
         encode(ek_ref, 'hex') AS ek_ref, encode(issuer_key_id, 'hex') AS issuer, not_after
       FROM certificates`,
    );
    assert.deepEqual(recorded, {
      ...{ serial: certificate.serial, ak_name: certificate.akName, ek_ref: ekRef },
      ...{ issuer: certificate.issuerKeyId, not_after: certificate.notAfter },
    });
  });

  it('gives the class of the root that vouches for the EK', async () => {
    const challenge = await enrol({ ...host.request(), software: false });
    const { certificates } = await activate(challenge.enrollmentId, await host.activate(challenge));
    assert.equal(parseAkCertificate(derOf(certificates[0] ?? '')).class, 'virtual');
  });

  it('gives the same ekRef to every AK of one TPM, and pins the EK once', async () => {
    const challenge = await enrol(host.request(host.aks[1]));
    const secret = await host.activate(challenge, host.aks[1]);
    await activate(challenge.enrollmentId, secret);
    const refs = await query('SELECT DISTINCT ek_ref FROM certificates');
    const pins = await query('SELECT ek_ref FROM endorsement_keys');
    assert.deepEqual(pins, refs);
    assert.equal(pins.length, 1);
  });

  describe('refuses', () => {
    const changed = (change: (request: EnrollmentRequest) => Partial<EnrollmentRequest>) => {
      const request = host.request();
      return enrol({ ...request, ...change(request) });
    };

    it('an AK that is not restricted, with every problem: I1', async () => {
      const ak = parseTpm2bPublic(host.aks[0].publicArea);
      const objectAttributes = ak.objectAttributes & ~TPMA_OBJECT.restricted & ~TPMA_OBJECT.noDA;
      const akPublic = base64Url(encodeTpm2bPublic({ ...ak, objectAttributes }));
      await attack('I1', async () => {
        const problem = await problemOf(changed(() => ({ akPublic })));
        assert.equal(problem.status, 422);
        const codes = problem.findings?.map(({ code }) => code);
        assert.deepEqual(codes, ['AK_NOT_RESTRICTED', 'AK_ATTRIBUTES']);
        return { outcome: 'R', code: problem.code };
      });
    });

    it('an EK that is not the one in its certificate: I5', async () => {
      const ekPublic = base64Url(encodeTpm2bPublic(makeEndorsement(new Date()).ekPublic));
      await attack('I5', async () => ({
        outcome: 'R',
        code: await codeOf(changed(() => ({ ekPublic }))),
      }));
    });

    it('an unknown root, which waits for an administrator: EK_UNTRUSTED_ROOT', async () => {
      const made = makeEndorsement(new Date());
      const change = {
        ekPublic: base64Url(encodeTpm2bPublic(made.ekPublic)),
        ekCertificates: [base64Url(made.certificate)],
        software: false,
      };
      for (let times = 1; times <= 2; times += 1) {
        const problem = await problemOf(changed(() => change));
        assert.deepEqual([problem.status, problem.code], [403, 'EK_UNTRUSTED_ROOT']);
        assert.match(problem.remedy ?? '', /`touchstone ca bundle import DIR`/);
      }
      const queue = await query(
        'SELECT ek_name, issuer, times::integer FROM untrusted_endorsement_keys',
      );
      const issuer = 'CN=A maker of TPMs';
      assert.deepEqual(queue, [{ ek_name: Buffer.from(nameOf(made.ekPublic)), issuer, times: 2 }]);
    });

    it('an EK without a certificate, which waits to be pinned: EK_NOT_PINNED', async () => {
      const made = makeEndorsement(new Date());
      const ekPublic = base64Url(encodeTpm2bPublic(made.ekPublic));
      const problem = await problemOf(
        changed(() => ({ ekPublic, ekCertificates: [], software: false })),
      );
      assert.deepEqual([problem.status, problem.code], [403, 'EK_NOT_PINNED']);
      const ekName = Buffer.from(nameOf(made.ekPublic));
      assert.equal(problem.detail, `EK Name ${ekName.toString('hex')}`);
      const sql = 'SELECT issuer, key FROM untrusted_endorsement_keys WHERE ek_name = $1';
      assert.deepEqual(await query(sql, [ekName]), [{ issuer: null, key: 'rsa 2048' }]);
    });

    for (const [what, change, code] of [
      ['bytes after a public area', { akPublic: base64Url(new Uint8Array(3)) }, 'TRAILING_BYTES'],
      [
        'a public area cut short',
        { akPublic: base64Url(Buffer.from('ffff00', 'hex')) },
        'TRUNCATED',
      ],
      ['a second spelling of the same bytes', { akPublic: 'AAB' }, 'BASE64URL_MALFORMED'],
      ['what the schema does not know', { hostId: 'a' }, 'SCHEMA_MISMATCH'],
    ] as const) {
      it(`${what}: ${code}`, async () => {
        assert.equal(await codeOf(changed(() => change as Partial<EnrollmentRequest>)), code);
      });
    }
  });

  describe('activation', () => {
    it('is of the AK that the challenge was made for, and of no other: I4', async () => {
      const challenge = await enrol(host.request(host.aks[0]));
      const { enrollmentId } = challenge;
      await assert.rejects(host.activate(challenge, host.aks[1]), /TPM_RC_INTEGRITY|0x.*1f/i);
      const secret = await host.activate(challenge, host.aks[0]);
      const other = await enrol(host.request(host.aks[1]));
      await attack('I4', async () => ({
        outcome: 'R',
        code: await codeOf(activate(other.enrollmentId, secret)),
      }));
      const akPublic = base64Url(host.aks[1].publicArea);
      assert.equal(await codeOf(activate(enrollmentId, secret, { akPublic })), 'SCHEMA_MISMATCH');
      const { certificates } = await activate(enrollmentId, secret);
      const { akName } = parseAkCertificate(derOf(certificates[0] ?? ''));
      const ak = parseTpm2bPublic(host.aks[0].publicArea);
      assert.equal(akName, Buffer.from(nameOf(ak)).toString('hex'));
    });

    it('ends after three wrong answers, the right one then included; no answer tells more: I9', async () => {
      const challenge = await enrol(host.request());
      const right = await host.activate(challenge);
      await attack('I9', async () => {
        const answers = [];
        for (let tries = 0; tries < 3; tries += 1) {
          answers.push(await problemOf(activate(challenge.enrollmentId, wrong())));
        }
        assert.deepEqual(answers[0], answers[1]);
        assert.deepEqual(answers[1], answers[2]);
        await assertSecretNowhere(right, JSON.stringify(answers) + ca.stderr());
        return { outcome: 'R', code: answers[0]?.code ?? '' };
      });
      assert.equal(await codeOf(activate(challenge.enrollmentId, right)), 'ACTIVATION_ENDED');
      assert.equal(await codeOf(activate(challenge.enrollmentId, wrong())), 'ACTIVATION_ENDED');
    });

    it('compares three however many come at once: ACTIVATION_WRONG, then ACTIVATION_ENDED', async () => {
      const { enrollmentId } = await enrol(host.request());
      const codes = await Promise.all(
        Array.from({ length: 20 }, () => codeOf(activate(enrollmentId, wrong()))),
      );
      assert.equal(codes.filter((code) => code === 'ACTIVATION_WRONG').length, 3);
      assert.equal(codes.filter((code) => code === 'ACTIVATION_ENDED').length, 17);
    });

    it('happens once, whoever comes at the same time', async () => {
      const challenge = await enrol(host.request());
      const right = await host.activate(challenge);
      const before = await issuedCount();
      const answers = await Promise.allSettled(
        Array.from({ length: 3 }, () => activate(challenge.enrollmentId, right)),
      );
      assert.equal(answers.filter(({ status }) => status === 'fulfilled').length, 1);
      assert.equal(await issuedCount(), Number(before) + 1);
      assert.equal(await codeOf(activate(challenge.enrollmentId, right)), 'ACTIVATION_ENDED');
    });

    it('is over after five minutes: ACTIVATION_ENDED', async () => {
      const challenge = await enrol(host.request());
      const left = Date.parse(challenge.expiresAt) - Date.now();
      assert.ok(left > 290_000 && left <= 300_500, `${left} ms`);
      await query('UPDATE enrollments SET expires_at = now() WHERE id = $1', [
        challenge.enrollmentId,
      ]);
      const late = activate(challenge.enrollmentId, await host.activate(challenge));
      assert.equal(await codeOf(late), 'ACTIVATION_ENDED');
    });

    it('is not of what never was: ACTIVATION_UNKNOWN', async () => {
      const never = '00000000-0000-4000-8000-000000000000';
      assert.equal(await codeOf(activate(never, wrong())), 'ACTIVATION_UNKNOWN');
      for (const id of ['x', `${never}'--`.replaceAll("'", '%27')]) {
        assert.equal(await codeOf(activate(id, wrong())), 'ID_MALFORMED');
      }
    });

    it('of one enrolment leaves others of the same EK as they are', async () => {
      const first = await enrol(host.request());
      const second = await enrol(host.request());
      for (let tries = 0; tries < 3; tries += 1)
        await codeOf(activate(second.enrollmentId, wrong()));
      await activate(first.enrollmentId, await host.activate(first));
    });

    it('can still be had after the CA was killed in between', async () => {
      const challenge = await enrol(host.request());
      const secret = await host.activate(challenge);
      await ca.kill();
      await ca.start();
      await activate(challenge.enrollmentId, secret);
      await ca.kill();
      await ca.start();
      assert.equal(await codeOf(activate(challenge.enrollmentId, secret)), 'ACTIVATION_ENDED');
    });

    it('that could not be recorded gives no certificate, and can be had again', async () => {
      const challenge = await enrol(host.request());
      const secret = await host.activate(challenge);
      await query('REVOKE INSERT ON certificates FROM ca');
      const before = await issuedCount();
      assert.equal(await codeOf(activate(challenge.enrollmentId, secret)), 'INTERNAL');
      await query('GRANT INSERT ON certificates TO ca');
      assert.equal(await issuedCount(), before);
      await activate(challenge.enrollmentId, secret);
      assert.equal(await issuedCount(), Number(before) + 1);
    });

    it('secrets are stored as their SHA-256 alone', async () => {
      const challenge = await enrol(host.request());
      const secret = Buffer.from(await host.activate(challenge), 'base64url');
      const [row] = await query('SELECT * FROM enrollments WHERE id = $1', [
        challenge.enrollmentId,
      ]);
      const digest = createHash('sha256').update(secret).digest();
      assert.deepEqual(row?.['secret_sha256'], digest);
      const columns = Object.values(row ?? {}).flat();
      assert.ok(columns.every((value) => !(Buffer.isBuffer(value) && value.includes(secret))));
    });
  });

  it('makes room by forgetting what is over, and otherwise takes no more: ENROLLMENTS_FULL', async () => {
    const fill = `INSERT INTO enrollments (id, expires_at, secret_sha256, ak_name, ak_public,
        ak_qualified_name, ek_name, ek_public, ek_ref, ek_certificates, software, class)
      SELECT gen_random_uuid(), now() + $1::interval, sha256('x'), '', '', '', '', '', sha256('x'), '{}', true,
        'software' FROM generate_series(1, 10000)`;
    await query(fill, ['1 minute']);
    const refused = await problemOf(enrol(host.request()));
    assert.deepEqual([refused.status, refused.code], [503, 'ENROLLMENTS_FULL']);
    await query(`UPDATE enrollments SET expires_at = now() WHERE ak_name = ''`);
    await enrol(host.request());
    await query(`DELETE FROM enrollments WHERE ak_name = ''`);
  });

  it('says that it is well', async () => {
    const path = '/v1/health';
    const health = await ca.client.request({ ...{ method: 'GET', path, schema: Health } });
    assert.deepEqual(health, { status: 'ok' });
  });
});

const derOf = (pem: string): Uint8Array =>
  Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64');

async function opensslVerifies(pems: { anchor: string; issuer: string; ak: string }) {
  const dir = await mkdtemp(join(tmpdir(), 'ts-ca-'));
  try {
    for (const [name, pem] of Object.entries(pems)) await writeFile(join(dir, name), pem);
    const options = [
      '-x509_strict',
      '-purpose',
      'any',
      '-CAfile',
      'anchor',
      '-untrusted',
      'issuer',
    ];
    const { stdout } = await run('openssl', ['verify', ...options, 'ak'], { cwd: dir });
    assert.match(stdout, /ak: OK/);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** In no spelling: not the secret, not its digest. */
async function assertSecretNowhere(secret: string, text: string) {
  const bytes = Buffer.from(secret, 'base64url');
  const digest = createHash('sha256').update(bytes).digest();
  for (const value of [bytes, digest]) {
    for (const spelling of ['hex', 'base64', 'base64url'] as const) {
      assert.ok(!text.includes(value.toString(spelling)), `the secret, as ${spelling}`);
    }
  }
}
