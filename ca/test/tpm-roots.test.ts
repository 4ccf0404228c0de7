import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { certificatesOfFile, parseAkCertificate } from '@touchstone/endorsement';
import {
  ActivationAnswer,
  ApprovalList,
  AuditList,
  EnrollmentChallenge,
  type TpmRootAddition,
  TpmRootAdmitted,
  TpmRootExport,
  TpmRootImported,
  TpmRootList,
} from '@touchstone/schemas';
import type { TSchema } from 'typebox';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { type Postgres, startPostgres } from '../../test/support/postgres.ts';
import { type CaProcess, firstOperators, startCa } from './support/ca-process.ts';
import { base64Url, startTpmHost, type TpmHost } from './support/tpm-host.ts';

const DATABASE = 'ca_tpm_roots';
const sha256 = (der: Uint8Array) => createHash('sha256').update(der).digest('hex');
const derIn = async (file: string) => new X509Certificate(await readFile(file)).raw;

let postgres: Postgres;
let ca: CaProcess;
let two: readonly string[];

const callAs = <T extends TSchema>(
  bearer: string,
  method: 'GET' | 'POST',
  path: string,
  schema: T,
  body?: unknown,
) =>
  ca.client.request({
    ...{ method, path: `/v1/operator/${path}`, bearer, schema },
    ...(body === undefined ? {} : { body }),
  });
const call = <T extends TSchema>(method: 'GET' | 'POST', path: string, schema: T, body?: unknown) =>
  callAs(two[0] ?? '', method, path, schema, body);
const list = () => call('GET', 'tpm-roots', TpmRootList);
const importing = (...ders: Uint8Array[]) =>
  call('POST', 'tpm-roots-import', TpmRootImported, {
    certificates: ders.map((der, index) => ({ name: `file ${index}`, der: base64Url(der) })),
  });

async function startAll(): Promise<void> {
  postgres = await startPostgres();
  ca = await startCa(postgres, { database: DATABASE });
  two = await firstOperators(ca, 2);
}

async function stopAll(): Promise<void> {
  await ca?.remove();
  await postgres?.stop();
}

describe('roots of TPM makers at the CA', () => {
  let host: TpmHost;
  let root: Uint8Array;
  let link: Uint8Array;

  before(async () => {
    [host] = await Promise.all([startTpmHost(), startAll()]);
    root = await derIn(join(host.swtpm.caDir, 'swtpm-localca-rootca-cert.pem'));
    link = await derIn(join(host.swtpm.caDir, 'issuercert.pem'));
  });
  after(async () => {
    await host?.stop();
    await stopAll();
  });

  const addition = (): TpmRootAddition => ({
    ...{ der: base64Url(root), class: 'virtual', maker: 'swtpm', ekAlgorithm: 'any' },
    ...{ source: 'the machine that made it', url: null, licence: 'our own' },
    ...{ date: '2026-01-01', reason: 'our own virtual machines' },
  });
  const add = (bearer: string, change: Partial<TpmRootAddition> = {}) =>
    callAs(bearer, 'POST', 'tpm-roots', TpmRootList, { ...addition(), ...change });
  const remove = (fingerprint: string) =>
    call('POST', `tpm-roots/${fingerprint}/removal`, TpmRootAdmitted, { reason: 'a test' });
  const admitted = (fingerprint: string) =>
    call('GET', `tpm-roots/${fingerprint}/admitted`, TpmRootAdmitted);

  const ask = <T extends TSchema>(path: string, schema: T, body: unknown) =>
    ca.client.request({ ...{ method: 'POST', path: `/v1/enrollments${path}`, body, schema } });
  const begin = () => ask('', EnrollmentChallenge, { ...host.request(), software: false });
  const renew = (id: string) => ask(`/${id}/renewals`, EnrollmentChallenge, {});
  const activate = async (challenge: EnrollmentChallenge) => {
    const secret = await host.activate(challenge);
    return ask(`/${challenge.enrollmentId}/activation`, ActivationAnswer, { secret });
  };

  it('are none at first, and the list says where makers publish theirs', async () => {
    const { version, listVersion, roots, intermediates, collections } = await list();
    assert.deepEqual([version, listVersion, roots, intermediates], [0, 1, [], []]);
    assert.ok(collections.some(({ url }) => url.startsWith('https://go.microsoft.com/')));
    await assert.rejects(begin(), { code: 'EK_UNTRUSTED_ROOT' });
    assert.equal((await list()).waiting, 1);
  });

  it('that no list knows are added by two, with where they came from: QUORUM_WAITING', async () => {
    const [first = '', second = ''] = two;
    const report = await importing(root, link);
    assert.deepEqual(
      report.outcomes.map(({ outcome }) => outcome),
      ['not-on-list', 'no-root'],
    );
    await assert.rejects(add(first), { code: 'QUORUM_WAITING' });
    // Of another class it is another thing.
    await assert.rejects(add(second, { class: 'discrete' }), { code: 'QUORUM_WAITING' });
    assert.deepEqual((await list()).roots, []);
    const { version, roots } = await add(second);
    assert.equal(version, 1);
    const [record] = roots;
    assert.deepEqual(
      [record?.fingerprint, record?.class, record?.from, record?.admitted],
      [sha256(root), 'virtual', 'bundle', 0],
    );
    const { source, licence, date, by } = record?.provenance ?? {};
    assert.deepEqual(
      [source, licence, date],
      ['the machine that made it', 'our own', '2026-01-01'],
    );
    assert.match(by ?? '', /^second\//u);
    await assert.rejects(add(first), { code: 'TPM_ROOT_HELD' });
    await assert.rejects(add(first, { der: 'AAAA' }), { code: 'TPM_ROOT_MALFORMED' });
    const { approvals } = await call('GET', 'approvals?all=true', ApprovalList);
    assert.deepEqual(
      approvals
        .map(({ action, state }) => `${action} ${state}`)
        .toSorted((a, b) => a.localeCompare(b)),
      ['tpm-roots.add made', 'tpm-roots.add waiting'],
    );
  });

  it('vouch from then on, by links that hosts need not send', async () => {
    // This chip's certificate comes without the one that signed it.
    await assert.rejects(begin(), { code: 'EK_UNTRUSTED_ROOT' });
    const { version, outcomes } = await importing(link, root);
    assert.deepEqual(
      outcomes.map(({ name, outcome, kind }) => [name, outcome, kind]),
      [
        ['file 0', 'taken', 'intermediate'],
        ['file 1', 'already', 'root'],
      ],
    );
    assert.equal(version, 2);
    const { certificates } = await activate(await begin());
    const { class: assuranceClass, tpm } = parseAkCertificate(
      new X509Certificate(certificates[0] ?? '').raw,
    );
    assert.equal(assuranceClass, 'virtual');
    assert.equal(tpm?.pinned, undefined);
    // Again it changes nothing.
    assert.equal((await importing(link, root)).version, 2);
  });

  it('show whom they admitted before they are removed, and until when that is believed', async () => {
    const { ekRef } = await enrolled();
    const { root: record, count, keys, lastUntil } = await admitted(sha256(root));
    assert.deepEqual([record.admitted, count, keys.length], [1, 1, 1]);
    assert.equal(keys[0]?.ekRef, ekRef);
    assert.equal(keys[0]?.certificateUntil, lastUntil);
    assert.ok(Date.parse(lastUntil ?? '') > Date.now() + 6 * 86_400_000);
    // Nor does it hide from there by calling itself software: the certificate of before is believed still.
    const hiding = await ask('', EnrollmentChallenge, host.request());
    await activate(hiding);
    assert.equal((await admitted(sha256(root))).count, 1);
    // A link admits nobody.
    assert.equal((await admitted(sha256(link))).count, 0);
    await assert.rejects(admitted('0'.repeat(64)), { code: 'TPM_ROOT_UNKNOWN' });
  });

  it('vouch for nobody once removed, by one person: not for a renewal, nor for what was begun', async () => {
    const { id } = await enrolled();
    const begun = await begin();
    const { count, version } = await remove(sha256(root));
    assert.deepEqual([count, version], [1, 3]);
    await assert.rejects(renew(id), { code: 'EK_UNTRUSTED_ROOT' });
    await assert.rejects(activate(begun), { code: 'ACTIVATION_ENDED' });
    await assert.rejects(remove(sha256(root)), { code: 'TPM_ROOT_UNKNOWN' });
    const { roots, intermediates } = await list();
    assert.deepEqual([roots.length, intermediates.length], [0, 1]);
    await assert.rejects(add(two[0] ?? ''), { code: 'QUORUM_WAITING' });
    await add(two[1] ?? '');
    await activate(await renew(id));
  });

  it('give every certificate back, with what is known of it', async () => {
    const { certificates } = await call('GET', 'tpm-roots-export', TpmRootExport);
    assert.deepEqual(
      certificates.map(({ der }) => der),
      [base64Url(root), base64Url(link)],
    );
    for (const { record, der } of certificates) {
      assert.equal(record.fingerprint, sha256(Buffer.from(der, 'base64url')));
      assert.notEqual(record.provenance, null);
    }
  });

  it('leave every change in a log of their own and in the audit log', async () => {
    const { rows } = await postgres.query(
      DATABASE,
      `SELECT version, change, kind, class FROM tpm_root_changes ORDER BY version`,
      [],
    );
    assert.deepEqual(rows, [
      { version: 1, change: 'added', kind: 'root', class: 'virtual' },
      { version: 2, change: 'added', kind: 'intermediate', class: null },
      { version: 3, change: 'removed', kind: 'root', class: 'virtual' },
      { version: 4, change: 'added', kind: 'root', class: 'virtual' },
    ]);
    const { entries } = await call('GET', 'audit', AuditList);
    const actions = entries.map(({ action }) => action);
    for (const action of ['tpm-roots.add', 'tpm-roots.import', 'tpm-roots.remove']) {
      assert.ok(actions.includes(action), action);
    }
  });

  it('that the configuration names are shown, and removed by nobody here: TPM_ROOT_CONFIGURED', async () => {
    const certificateFile = join(host.swtpm.caDir, 'swtpm-localca-rootca-cert.pem');
    const config = JSON.parse(await readFile(ca.configFile, 'utf8')) as object;
    const roots = [{ certificateFile, class: 'virtual' }];
    await writeFile(ca.configFile, JSON.stringify({ ...config, roots }));
    await ca.stop();
    await ca.start();
    const { roots: held } = await list();
    assert.deepEqual(
      held.map(({ from, admitted: count }) => [from, count]),
      [['configuration', 1]],
    );
    await assert.rejects(remove(sha256(root)), { code: 'TPM_ROOT_CONFIGURED' });
    assert.equal((await list()).version, 4);
    await activate(await begin());
    const begun = await begin();
    await writeFile(ca.configFile, JSON.stringify(config));
    await ca.stop();
    await ca.start();
    await assert.rejects(activate(begun), { code: 'ACTIVATION_ENDED' });

    // Nor is an enrolment worth more, or less, by another class that its root got meanwhile.
    const virtual = await begin();
    await remove(sha256(root));
    const firmware = { class: 'firmware' } as const;
    await assert.rejects(add(two[0] ?? '', firmware), { code: 'QUORUM_WAITING' });
    await add(two[1] ?? '', firmware);
    await assert.rejects(activate(virtual), { code: 'ACTIVATION_ENDED' });
  });

  /** Of the AK that enrolled by the root. */
  async function enrolled(): Promise<{ id: string; ekRef: string }> {
    const { rows } = await postgres.query(
      DATABASE,
      `SELECT enrollment_id AS id, encode(ek_ref, 'hex') AS ek_ref
       FROM attestation_keys JOIN endorsement_keys USING (ek_name)
       ORDER BY attestation_keys.first_activated_at LIMIT 1`,
      [],
    );
    const [{ id, ek_ref: ekRef } = { id: '', ek_ref: '' }] = rows as {
      id: string;
      ek_ref: string;
    }[];
    return { id, ekRef };
  }
});

describeCorpus('roots of TPM makers at the CA, with the corpus', () => {
  before(startAll);
  after(stopAll);

  const certificates = () =>
    readdirSync(corpusPath('ekca'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.yaml'))
      .flatMap((entry) => certificatesOfFile(readFileSync(join(entry.parentPath, entry.name))));

  it('are taken from a directory as the list says, by one person, in whatever order', async () => {
    const counts: Record<string, number> = {};
    const ders = certificates().toReversed();
    for (let at = 0; at < ders.length; at += 64) {
      const { outcomes } = await importing(...ders.slice(at, at + 64));
      for (const { outcome } of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
    assert.deepEqual(Object.keys(counts).toSorted(), ['already', 'class-needed', 'taken']);
    const { roots, intermediates } = await list();
    assert.equal(roots.length + intermediates.length, counts['taken']);
    assert.ok(roots.length > 30 && intermediates.length > 170);
    assert.ok(roots.every(({ class: assuranceClass }) => assuranceClass !== null));

    // By hand as the list has it, one person is enough; taking both EKs of its TPMs is more than the list says.
    const root = roots.find(({ ekAlgorithm }) => ekAlgorithm === 'ecc');
    const der = ders.find((one) => sha256(one) === root?.fingerprint) ?? new Uint8Array();
    await call('POST', `tpm-roots/${root?.fingerprint}/removal`, TpmRootAdmitted, {
      reason: 'a test',
    });
    const add = (ekAlgorithm: TpmRootAddition['ekAlgorithm'], more = {}) =>
      call('POST', 'tpm-roots', TpmRootList, {
        ...{ der: base64Url(der), class: root?.class, maker: root?.maker, ekAlgorithm, ...more },
        ...{ source: 'its maker', url: null, licence: 'its own', date: null, reason: 'a test' },
      });
    await assert.rejects(add('any'), { code: 'QUORUM_WAITING' });
    const other = { class: root?.class === 'discrete' ? 'firmware' : 'discrete' };
    await assert.rejects(add('ecc', other), { code: 'QUORUM_WAITING' });
    await add('ecc');
  });
});
