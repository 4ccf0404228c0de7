import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { type AkCertificate, parseAkCertificate } from '@touchstone/endorsement';
import {
  ActivationAnswer,
  AuditList,
  Decommissioned,
  EndorsementKey,
  EndorsementKeyList,
  EnrollmentChallenge,
  type EnrollmentRequest,
  Pin,
  Pins,
  WaitingKeys,
} from '@touchstone/schemas';
import { nameOf, parseTpm2bPublic } from '@touchstone/tpm';
import type { TSchema } from 'typebox';
import { type Postgres, startPostgres } from '../../test/support/postgres.ts';
import { type CaProcess, firstOperators, startCa } from './support/ca-process.ts';
import { makeEndorsement } from './support/made-endorsement.ts';
import { base64Url, startTpmHost, type TpmHost } from './support/tpm-host.ts';

const DATABASE = 'ca_endorsement_keys';

describe('endorsement keys that nobody vouches for', () => {
  let postgres: Postgres;
  let ca: CaProcess;
  let host: TpmHost;
  let two: readonly string[];
  let ekName: string;

  before(async () => {
    postgres = await startPostgres();
    [host, ca] = await Promise.all([startTpmHost(), startCa(postgres, { database: DATABASE })]);
    two = await firstOperators(ca, 2);
    ekName = Buffer.from(nameOf(parseTpm2bPublic(host.ekPublic))).toString('hex');
  });
  after(async () => {
    await ca?.remove();
    await host?.stop();
    await postgres?.stop();
  });

  const callAs = <T extends TSchema>(bearer: string, path: string, schema: T, body?: unknown) =>
    ca.client.request({
      ...{ method: body === undefined ? 'GET' : 'POST', path: `/v1/operator/${path}` },
      ...{ bearer, schema, ...(body === undefined ? {} : { body }) },
    });
  const first = () => two[0] ?? '';
  const second = () => two[1] ?? '';
  const waiting = () => callAs(first(), 'endorsement-keys-waiting', WaitingKeys);
  const pinAs = (bearer: string, assuranceClass: string, name = ekName) =>
    callAs(bearer, 'pins', Pin, {
      ekName: name,
      class: assuranceClass,
      reason: 'seen on its label',
    });
  const unpin = (name = ekName) =>
    callAs(first(), `pins/${name}/removal`, Pin, { reason: 'a mistake' });
  const show = (ekRef: string) => callAs(first(), `endorsement-keys/${ekRef}`, EndorsementKey);
  const decommission = (ekRef: string) =>
    callAs(first(), `endorsement-keys/${ekRef}/decommissioning`, Decommissioned, {
      reason: 'sold',
    });
  const readmitAs = (bearer: string, ekRef: string) =>
    callAs(bearer, `endorsement-keys/${ekRef}/readmission`, EndorsementKey, {
      reason: 'bought back',
    });

  const ask = <T extends TSchema>(path: string, schema: T, body: unknown) =>
    ca.client.request({ ...{ method: 'POST', path: `/v1/enrollments${path}`, body, schema } });
  /** As a chip that its maker gave no certificate. */
  const begin = (change: Partial<EnrollmentRequest> = {}) =>
    ask('', EnrollmentChallenge, {
      ...{ ...host.request(), software: false, ekCertificates: [] },
      ...change,
    });
  const renew = (id: string) => ask(`/${id}/renewals`, EnrollmentChallenge, {});
  const activate = async (challenge: EnrollmentChallenge): Promise<AkCertificate> => {
    const secret = await host.activate(challenge);
    const path = `/${challenge.enrollmentId}/activation`;
    const { certificates } = await ask(path, ActivationAnswer, { secret });
    return parseAkCertificate(new X509Certificate(certificates[0] ?? '').raw);
  };

  it('wait, with or without a certificate: EK_NOT_PINNED, EK_UNTRUSTED_ROOT', async () => {
    await assert.rejects(begin(), { code: 'EK_NOT_PINNED' });
    const unknown = makeEndorsement(new Date());
    const ekCertificates = [base64Url(unknown.certificate)];
    // The certificate has to be of that key.
    await assert.rejects(begin({ ekCertificates }), { code: 'EK_CERT_MISMATCH' });
    const sent = host.request().ekCertificates;
    await assert.rejects(begin({ ekCertificates: sent }), { code: 'EK_UNTRUSTED_ROOT' });
    const { count, keys } = await waiting();
    assert.equal(count, 1);
    assert.deepEqual(
      [keys[0]?.ekName, keys[0]?.key, keys[0]?.times, keys[0]?.issuer],
      [ekName, 'rsa 2048', 2, 'CN=swtpm-localca'],
    );
  });

  it('are pinned as a chip by two people, each of the same class: QUORUM_WAITING', async () => {
    await assert.rejects(pinAs(first(), 'discrete'), { code: 'QUORUM_WAITING' });
    await assert.rejects(pinAs(second(), 'firmware'), { code: 'QUORUM_WAITING' });
    await assert.rejects(begin(), { code: 'EK_NOT_PINNED' });
    const { class: assuranceClass, decided } = await pinAs(second(), 'discrete');
    assert.equal(assuranceClass, 'discrete');
    assert.match(decided.by ?? '', /^second\//u);
    await assert.rejects(pinAs(first(), 'discrete'), { code: 'EK_PINNED' });
    assert.equal((await waiting()).count, 0);
    assert.equal((await callAs(first(), 'pins', Pins)).count, 1);
  });

  it('enrol then, of the class that was stated, and their certificates say that it was', async () => {
    const certificate = await activate(await begin());
    assert.equal(certificate.class, 'discrete');
    assert.equal(certificate.tpm?.pinned, true);
    assert.equal(certificate.tpm?.maker, undefined);
    const key = await show(certificate.ekRef);
    assert.deepEqual(
      [key.ekName, key.vouchedBy, key.rootFingerprint, key.state, key.decided],
      [ekName, 'pin', null, 'active', null],
    );
    assert.equal(key.certificateUntil, certificate.notAfter.toISOString());
    assert.deepEqual([key.maker, key.weaknesses, key.quirks], [null, [], []]);
  });

  it('are pinned one at a time: another Name is another key', async () => {
    const ekPublic = Buffer.from(host.ekPublic);
    // The last byte but one of the modulus: of no key, and of another Name.
    ekPublic[ekPublic.length - 2] = (ekPublic.at(-2) ?? 0) ^ 0x10;
    await assert.rejects(begin({ ekPublic: base64Url(ekPublic) }), { code: 'EK_NOT_PINNED' });
    const { keys } = await waiting();
    assert.equal(keys.length, 1);
    assert.notEqual(keys[0]?.ekName, ekName);
    await assert.rejects(unpin(keys[0]?.ekName), { code: 'EK_PIN_UNKNOWN' });
  });

  it('renew no more once unpinned, nor does what was begun: EK_NOT_PINNED, ACTIVATION_ENDED', async () => {
    const { id } = await enrolled();
    const begun = await begin();
    await unpin();
    await assert.rejects(renew(id), { code: 'EK_NOT_PINNED' });
    await assert.rejects(activate(begun), { code: 'ACTIVATION_ENDED' });
    await assert.rejects(unpin(), { code: 'EK_PIN_UNKNOWN' });
    // What is no chip takes one person; another class takes a new enrolment.
    await pinAs(first(), 'virtual');
    await assert.rejects(renew(id), { code: 'RENEWAL_DIFFERS' });
    await assert.rejects(activate(begun), { code: 'ACTIVATION_ENDED' });
    assert.equal((await activate(await begin())).class, 'virtual');
    await unpin();
    await assert.rejects(pinAs(first(), 'discrete'), { code: 'QUORUM_WAITING' });
    await pinAs(second(), 'discrete');
    await activate(await renew(id));
  });

  describe('and are taken out of service', () => {
    it('with every certificate that they have, by one person; the lists say so at once', async () => {
      const { id, ekRef } = await enrolled();
      const begun = await begin();
      // Calling itself software, a host has no other past: what it was decides who may readmit it.
      assert.equal((await activate(await begin({ software: true }))).class, 'software');
      const { class: was, vouchedBy } = await show(ekRef);
      assert.deepEqual([was, vouchedBy], ['discrete', 'pin']);
      const { key, revoked, listed } = await decommission(ekRef);
      assert.ok(revoked >= 2);
      assert.deepEqual(
        [key.state, key.certificateUntil, key.decided?.because, listed],
        ['decommissioned', null, 'sold', true],
      );
      const { rows } = await postgres.query(
        DATABASE,
        `SELECT DISTINCT revoke_reason AS reason FROM certificates WHERE revoked_at IS NOT NULL`,
        [],
      );
      assert.deepEqual(rows, [{ reason: 'cessationOfOperation' }]);
      await assert.rejects(renew(id), { code: 'EK_DECOMMISSIONED' });
      await assert.rejects(begin(), { code: 'EK_DECOMMISSIONED' });
      await assert.rejects(begin({ software: true }), { code: 'EK_DECOMMISSIONED' });
      await assert.rejects(activate(begun), { code: 'ACTIVATION_ENDED' });
      await assert.rejects(decommission(ekRef), { code: 'EK_NOT_IN_SERVICE' });
      await assert.rejects(decommission('0'.repeat(64)), { code: 'EK_UNKNOWN' });
    });

    it('and readmitted, a chip by two people; what was revoked stays so', async () => {
      const { id, ekRef } = await enrolled();
      await assert.rejects(readmitAs(first(), ekRef), { code: 'QUORUM_WAITING' });
      await assert.rejects(readmitAs(first(), ekRef), { code: 'QUORUM_WAITING' });
      const { state, certificateUntil } = await readmitAs(second(), ekRef);
      assert.deepEqual([state, certificateUntil], ['active', null]);
      await assert.rejects(readmitAs(first(), ekRef), { code: 'EK_NOT_DECOMMISSIONED' });
      await activate(await renew(id));
    });

    it('and are listed by their ekRef, in pages', async () => {
      const { keys, nextCursor } = await callAs(first(), 'endorsement-keys', EndorsementKeyList);
      assert.deepEqual([keys.length, nextCursor], [1, undefined]);
      const after = `endorsement-keys?cursor=${keys[0]?.ekRef}`;
      assert.deepEqual((await callAs(first(), after, EndorsementKeyList)).keys, []);
    });

    it('and all of it is in the audit log', async () => {
      const { entries } = await callAs(first(), 'audit', AuditList);
      const actions = new Set(entries.map(({ action }) => action));
      for (const action of ['ek.pin', 'ek.unpin', 'ek.decommission', 'ek.readmit']) {
        assert.ok(actions.has(action), action);
      }
    });
  });

  /** Of its first AK certificate. */
  async function enrolled(): Promise<{ id: string; ekRef: string }> {
    const { rows } = await postgres.query(
      DATABASE,
      `SELECT enrollment_id AS id, encode(ek_ref, 'hex') AS "ekRef" FROM attestation_keys
       JOIN endorsement_keys USING (ek_name) WHERE attestation_keys.class = 'discrete'
       ORDER BY attestation_keys.first_activated_at LIMIT 1`,
      [],
    );
    return (rows as { id: string; ekRef: string }[])[0] ?? { id: '', ekRef: '' };
  }
});
