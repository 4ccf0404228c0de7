import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ActivationAnswer,
  AlertList,
  CertificateRenewalAnswer,
  EnrollmentChallenge,
  HostDetail,
  JoinToken,
  JoinTokenCreated,
  Replacement,
  ReplacementList,
} from '@touchstone/schemas';
import { parseAkCertificate } from '@touchstone/endorsement';
import { X509Certificate } from 'node:crypto';
import { ProblemError } from '@touchstone/transport';
import { attack, type Observed } from '../support/attack.ts';
import { alertCount, corrupt, refusedWithoutTrace } from '../support/records.ts';
import { codeOf } from '../support/refusals.ts';
import { forge } from '../support/stolen-ca.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

describe('Somebody who wants to be a host, or another one', function () {
  this.timeout(60_000);
  let touchstone: Touchstone;
  const hosts: TestHost[] = [];

  before(async () => {
    touchstone = await startTouchstone();
  });
  after(() => touchstone?.stop());
  afterEach(async () => {
    for (const host of hosts.splice(0)) await host.stop();
  });

  const kept = async (starting: Promise<TestHost>) => {
    const host = await starting;
    hosts.push(host);
    return host;
  };
  const trusted = () => kept(TestHost.trusted(touchstone));
  /** Another machine with a certificate of its own, calling itself `name`. */
  const stranger = async (name?: string) => {
    const host = await kept(TestHost.boot(touchstone));
    if (name !== undefined) host.name = name;
    await host.certify();
    return host;
  };
  const refused = (request: () => Promise<unknown>) => refusedWithoutTrace(touchstone, request);
  const offers = async (name: string) =>
    (await touchstone.operator('GET', '/v1/replacements', ReplacementList)).replacements.filter(
      ({ hostName }) => hostName === name,
    );
  const approve = (id: string, akName: string) =>
    touchstone.operator('POST', `/v1/replacements/${id}/approval`, Replacement, {
      akName,
      classes: ['software'],
    });
  /** The offer is queued and alerted, and the old identity serves on as if nothing were. */
  const queued = async (offer: () => Promise<unknown>, old: TestHost): Promise<Observed> => {
    const before = await touchstone.host(old.name);
    const refusal = await offer().then(
      () => assert.fail('it was accepted'),
      (error: unknown) => error,
    );
    assert.ok(refusal instanceof ProblemError, String(refusal));
    assert.equal(refusal.status, 409);
    assert.ok((await alertCount(touchstone, refusal.code, old.name)) > 0);
    const after = await touchstone.host(old.name);
    assert.deepEqual(
      { ...after, host: { ...after.host, since: '' } },
      { ...before, host: { ...before.host, since: '' } },
    );
    assert.ok((await offers(old.name)).some(({ state }) => state === 'waiting'));
    return { outcome: 'Q', code: refusal.code };
  };

  it('cannot have another TPM’s certificate serve its own AK: I6', async () => {
    const [genuine, software] = [await stranger(), await stranger()];
    software.certificates = genuine.certificates;
    await attack('I6', () => refused(() => software.enrol()));
  });

  it('cannot take a known host’s place with another TPM, whatever its token: I7', async () => {
    const host = await trusted();
    const other = await stranger(host.name);
    const token = await touchstone.joinToken();
    await attack('I7', () => queued(() => other.enrol(token), host));
    assert.equal((await host.attest()).state, 'trusted');

    const [offer] = await offers(host.name);
    assert.ok(offer);
    await approve(offer.id, other.akName);
    assert.equal((await other.enrol()).hostId, host.hostId);
    assert.equal(await codeOf(host.attest()), 'HOST_UNKNOWN');
  });

  it('races another for one name: exactly one gets it: I8', async () => {
    const racers = [await stranger(), await stranger(), await stranger()];
    const name = racers[0]?.name ?? '';
    for (const racer of racers) racer.name = name;
    await attack('I8', async () => {
      const outcomes = await Promise.allSettled(racers.map((racer) => racer.enrol()));
      const won = outcomes.filter(({ status }) => status === 'fulfilled');
      assert.equal(won.length, 1);
      const lost = racers.filter(({ hostId }) => hostId === null);
      const { akName } = (await touchstone.host(name)).host;
      assert.ok(lost.every((loser) => loser.akName !== akName));
      return { outcome: 'HOLDS' };
    });
  });

  it('shows one TPM under two names: refused, an alert on both: I25', async () => {
    const host = await trusted();
    const [own, second] = [host.name, (await trusted()).name];
    for (const name of ['brand-new', second]) {
      host.name = name;
      const alerts = await alertCount(touchstone, 'EK_ALREADY_BOUND', own);
      await attack('I25', () => refused(() => host.enrol()));
      assert.equal(await alertCount(touchstone, 'EK_ALREADY_BOUND', own), alerts + 1);
    }
    assert.equal(await alertCount(touchstone, 'EK_ALREADY_BOUND', second), 1);
    host.name = own;
    const { alerts } = await touchstone.operator('GET', '/v1/alerts', AlertList);
    assert.ok(alerts.some(({ code, subject }) => code === 'EK_ALREADY_BOUND' && subject === own));
    assert.equal((await host.attest()).state, 'trusted');
  });

  it('cleared the TPM: another AK of the same EK waits for a person: I30', async () => {
    const host = await trusted();
    const { akName, hostId } = host;
    const old = await host.clear();
    await attack('G26', async () => {
      assert.equal(await codeOf(host.load(old)), 'TPM_RC');
      return { outcome: 'HOLDS' };
    });
    assert.notEqual(host.akName, akName);
    await host.certify();
    await attack('I30', () => queued(() => host.enrol(), host));
    const [offer] = await offers(host.name);
    assert.equal(offer?.kind, 're-enrolment');
    await approve(offer.id, host.akName);
    assert.equal((await host.enrol()).hostId, hostId);
    // TPM2_Clear put the counters back, and they count from there.
    const { boot } = await touchstone.host(host.name);
    assert.equal(boot?.resetCount, (await host.tpm.readClock()).resetCount);
    await host.attest();
  });

  it('stole the CA’s key: its certificates are valid, and take nobody’s place: I34', async () => {
    const host = await trusted();
    const thief = await stranger(host.name);
    const own = certificateOf(thief);
    const certificate = await forge(touchstone, own, { ekRef: certificateOf(host).ekRef });
    thief.certificates = [certificate];
    const token = await touchstone.joinToken();
    await attack('I34', () => queued(() => thief.enrol(token), host));
    assert.equal((await offers(host.name))[0]?.kind, 're-enrolment');
    const replacing = await stranger(host.name);
    replacing.certificates = [await forge(touchstone, certificateOf(replacing), {})];
    await attack('I34', () => queued(() => replacing.enrol(token), host));
    assert.equal((await host.attest()).state, 'trusted');

    for (const forged of [
      await forge(touchstone, certificateOf(host), { ekRef: own.ekRef }),
      await forge(touchstone, certificateOf(host), { class: 'discrete' }),
    ]) {
      const { code } = await refused(() => putCertificate(host, [forged]));
      assert.equal(code, 'CERTIFICATE_DIFFERS');
    }
  });

  it('says that it is a known host by adding it again: nothing of it changes: T12', async () => {
    const host = await trusted();
    await attack('T12', async () => {
      const { host: summary, ...rest } = await touchstone.host(host.name);
      const token = await touchstone.joinToken({ labels: { site: 'elsewhere' } });
      assert.equal((await host.enrol(token)).hostId, summary.id);
      const after = await touchstone.host(host.name);
      assert.deepEqual(after, { host: summary, ...rest });
      await touchstone.operator('POST', `/v1/hosts/${summary.id}/revocation`, HostDetail, {
        reason: 'sold',
      });
      assert.equal((await host.enrol(token)).state, 'revoked');
      return { outcome: 'HOLDS' };
    });
  });

  describe('with a join token', () => {
    const make = (body: object) =>
      touchstone.operator('POST', '/v1/join-tokens', JoinTokenCreated, {
        ...{ classes: ['software'], labels: {}, ...body },
      });

    it('that was used, has ended, was revoked or is for others: I27', async () => {
      const used = await make({});
      await (await stranger()).enrol(used.token);
      const ended = await make({});
      const sql = `UPDATE join_tokens SET expires_at = now() WHERE id = $1`;
      await corrupt(touchstone, sql, [ended.record.id]);
      const revoked = await make({});
      const path = `/v1/join-tokens/${revoked.record.id}`;
      await touchstone.operator('DELETE', path, JoinToken);
      const tokens = [
        used.token,
        ended.token,
        revoked.token,
        (await make({ classes: ['discrete', 'firmware'] })).token,
        (await make({ host: 'another' })).token,
        `${used.token.slice(0, -2)}AA`,
      ];
      for (const token of tokens) {
        const host = await stranger();
        await attack('I27', () => refused(() => host.enrol(token)));
        await assert.rejects(touchstone.host(host.name), { code: 'HOST_UNKNOWN' });
      }
    });

    it('that was made for it, and for as many as it says', async () => {
      const host = await stranger();
      const { token } = await make({ host: host.name, uses: 2 });
      await host.enrol(token);
      const { token: two } = await make({ uses: 2 });
      await (await stranger()).enrol(two);
      await (await stranger()).enrol(two);
      await attack('I27', async () => {
        const late = await stranger();
        return refused(() => late.enrol(two));
      });
    });
  });

  describe('at the CA', () => {
    it('asks for fields of its own in the certificate: I28', async () => {
      const host = await kept(TestHost.boot(touchstone));
      const ca = await host.ca();
      const post = (path: string, body: unknown) =>
        ca.request({ method: 'POST', path, body, schema: EnrollmentChallenge });
      try {
        const request = await host.enrollmentRequest();
        for (const wish of [
          { subject: 'CN=another' },
          { subjectAltName: 'another' },
          { ca: true },
          { class: 'discrete' },
          { ekRef: '00'.repeat(32) },
        ]) {
          await attack('I28', async () => ({
            outcome: 'R',
            code: await codeOf(post('/v1/enrollments', { ...request, ...wish })),
          }));
        }
        const challenge = await post('/v1/enrollments', request);
        const secret = Buffer.from(await host.activate(challenge)).toString('base64url');
        const path = `/v1/enrollments/${challenge.enrollmentId}/activation`;
        await attack('I28', async () => ({
          outcome: 'R',
          code: await codeOf(post(path, { secret, certificate: { ca: true } })),
        }));
        const schema = ActivationAnswer;
        const answer = await ca.request({ method: 'POST', path, body: { secret }, schema });
        const issued = new X509Certificate(answer.certificates[0] ?? '');
        assert.equal(issued.ca, false);
        assert.equal(issued.subject, `CN=${host.akName}`);
        assert.equal(issued.subjectAltName, undefined);
      } finally {
        await ca.close();
      }
    });

    it('guesses the secret: three guesses, and the enrolment is over: I10', async () => {
      const host = await kept(TestHost.boot(touchstone));
      const ca = await host.ca();
      const body = await host.enrollmentRequest();
      const schema = EnrollmentChallenge;
      try {
        const challenge = await ca.request({
          ...{ method: 'POST', path: '/v1/enrollments', body, schema },
        });
        const answer = (secret: Uint8Array) =>
          ca.request({
            method: 'POST',
            path: `/v1/enrollments/${challenge.enrollmentId}/activation`,
            body: { secret: Buffer.from(secret).toString('base64url') },
            schema: ActivationAnswer,
          });
        const right = await host.activate(challenge);
        for (const guess of [Buffer.alloc(32), Buffer.alloc(1), Buffer.alloc(64)]) {
          assert.equal(await codeOf(answer(guess)), 'ACTIVATION_WRONG');
        }
        await attack('I10', async () => ({ outcome: 'R', code: await codeOf(answer(right)) }));
      } finally {
        await ca.close();
      }
    });

    it('measures how long a comparison takes: secrets are compared in constant time: I11', () =>
      attack('I11', async () => {
        const source = await readFile(new URL('../../ca/activate.ts', import.meta.url), 'utf8');
        assert.match(source, /!timingSafeEqual\(given, attempt\.secretSha256\)/u);
        assert.deepEqual(source.match(/secretSha256|\bgiven\b/gu), [
          'given',
          'given',
          'secretSha256',
        ]);
        return { outcome: 'HOLDS' };
      }));

    it('has an EK that nobody vouches for: it waits for an administrator: I12', async () => {
      const host = await kept(TestHost.boot(touchstone));
      const ca = await host.ca();
      const body = { ...(await host.enrollmentRequest()), software: false };
      const path = '/v1/enrollments';
      const schema = EnrollmentChallenge;
      try {
        await attack('I12', async () => ({
          outcome: 'Q',
          code: await codeOf(ca.request({ method: 'POST', path, body, schema })),
        }));
      } finally {
        await ca.close();
      }
    });

    it('has a TPM that its own CA vouches for: it is software, and nothing else: I13', async () => {
      const host = await stranger();
      await attack('I13', async () => {
        assert.equal(certificateOf(host).class, 'software');
        const token = await touchstone.joinToken({ classes: ['discrete', 'firmware', 'virtual'] });
        assert.equal(await codeOf(host.enrol(token)), 'CLASS_NOT_ADMITTED');
        await host.enrol(await touchstone.joinToken());
        assert.equal((await touchstone.host(host.name)).host.class, 'software');
        return { outcome: 'HOLDS' };
      });
    });
  });

  it('brings another host’s certificate, or an old one, to a host: it stays as it is', async () => {
    const [host, other] = [await trusted(), await trusted()];
    const put = (certificates: readonly string[]) => putCertificate(host, certificates);
    assert.equal((await refused(() => put(other.certificates))).code, 'AK_CERT_KEY_MISMATCH');
    const old = host.certificates;
    await sleep(1_100);
    await host.certify();
    await put(host.certificates);
    assert.equal((await refused(() => put(old))).code, 'CERTIFICATE_OLDER');
    assert.equal((await host.attest()).state, 'trusted');
  });
});

const certificateOf = ({ certificates }: TestHost) =>
  parseAkCertificate(new X509Certificate(certificates[0] ?? '').raw);

const putCertificate = ({ touchstone, hostId }: TestHost, certificates: readonly string[]) =>
  touchstone.client.request({
    method: 'PUT',
    path: `/v1/hosts/${hostId}/certificate`,
    body: { certificates },
    schema: CertificateRenewalAnswer,
  });
