import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ActivationRequest,
  type ChallengeAnswer,
  ChallengeRequest,
  EnrollmentRequest,
  HostEnrolment,
  type TrustBundle,
} from '@touchstone/schemas';
import { makeCredential, nameOf, parseTpm2bPublic } from '@touchstone/tpm';
import { createEdge, type Listening, listenTls, readJson, spkiPinOf } from '@touchstone/transport';
import { withTpmTools } from '../../test/support/tpm-tools.ts';
import { enrol } from '../enrol.ts';
import { readEnrolment, readKeyRecord } from '../state/identity.ts';
import { Attester } from '../tpm/attester.ts';
import { type Hypervisor, makeHypervisor } from './support/hypervisor.ts';
import { bundleOf, makePermitKey, type PermitKey, signBundle } from './support/permit-keys.ts';

const bytes = (text: string) => Buffer.from(text, 'base64url');

/** CA and server in one, as an agent sees them; TLS with the anchor's own key. */
describe('enrolment, from the agent’s side', () => {
  let dir: string;
  let deployment: Listening;
  let host: Hypervisor;
  let attester: Attester;
  let bundle: TrustBundle;
  let bundleKey: PermitKey;
  let pin: string;
  let [anchor, akCertificate, strange] = ['', '', ''];
  let credential = Buffer.alloc(0);
  let answer = { certificates: [''], akName: undefined as string | undefined };
  const bodies: string[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-enrol-'));
    const openssl = (...args: readonly string[]) =>
      execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
    const ec = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '1',
    ];
    for (const name of ['anchor', 'strange']) {
      openssl(
        ...['req', '-x509', ...ec, '-keyout', `${name}.key`, '-out', `${name}.pem`],
        ...['-subj', `/CN=${name}`],
      );
    }
    openssl(
      ...['req', '-x509', ...ec, '-CA', 'anchor.pem', '-CAkey', 'anchor.key', '-keyout', 'ak.key'],
      ...['-out', 'ak.pem', '-subj', '/CN=ak', '-addext', 'basicConstraints=critical,CA:FALSE'],
    );
    const read = (name: string) => readFile(join(dir, name), 'utf8');
    [anchor, akCertificate, strange] = [
      await read('anchor.pem'),
      await read('ak.pem'),
      await read('strange.pem'),
    ];
    deployment = await listenTls(app(), {
      host: '127.0.0.1',
      port: 0,
      key: await read('anchor.key'),
      cert: anchor,
    });
    pin = spkiPinOf(anchor);
    bundleKey = await makePermitKey('b');
    bundle = {
      ...bundleOf(await makePermitKey('p'), bundleKey),
      ca: { url: server(), pin },
      anchors: [anchor],
    };
    host = await makeHypervisor();
    attester = new Attester(host.stateDir, []);
  });

  beforeEach(() => {
    answer = { certificates: [akCertificate], akName: undefined };
    bodies.length = 0;
  });

  after(async () => {
    await attester.close();
    await deployment.close();
    await host.remove();
    await rm(dir, { recursive: true });
  });

  const server = () => `https://127.0.0.1:${deployment.port}`;
  const enrolAt = (changes: { server?: string; fingerprint?: string } = {}) =>
    enrol({
      stateDir: host.stateDir,
      attester,
      server: server(),
      fingerprint: pin,
      name: 'hv1',
      joinToken: `tsj_${'x'.repeat(24)}`,
      progress: () => undefined,
      ...changes,
    });

  function app() {
    const edge = createEdge();
    edge.use(async (ctx) => {
      if (ctx.path === '/v1/trust-bundle')
        ctx.body = { bundles: [await signBundle(bundle, bundleKey)] };
      else if (ctx.path === '/v1/enrollments')
        ctx.body = challengeFor(await readJson(ctx, EnrollmentRequest));
      else if (ctx.path.endsWith('/activation')) {
        const { secret } = await readJson(ctx, ActivationRequest);
        assert.deepEqual(bytes(secret), credential);
        ctx.body = { certificates: answer.certificates };
      } else if (ctx.path === '/v1/challenges') {
        assert.equal((await readJson(ctx, ChallengeRequest)).purpose, 'enrol');
        const challenge: ChallengeAnswer = {
          challenge: randomBytes(48).toString('base64url'),
          expiresAt: '2099-01-01T00:00:00Z',
          selection: { sha256: [8] },
          bundleEpoch: 1,
        };
        ctx.body = challenge;
      } else if (ctx.path === '/v1/hosts') {
        bodies.push(JSON.stringify(await readJson(ctx, HostEnrolment, { maxBytes: 1_000_000 })));
        ctx.body = {
          hostId: randomUUID(),
          state: 'pending',
          class: 'software',
          intervalSeconds: 60,
        };
      }
    });
    return edge;
  }

  /** As the CA does it: protected for the EK that was shown, and for the AK's Name or another. */
  function challengeFor({ ekPublic, akPublic }: EnrollmentRequest) {
    credential = randomBytes(32);
    const made = makeCredential({
      ekPublic: parseTpm2bPublic(bytes(ekPublic)),
      name:
        answer.akName === undefined
          ? nameOf(parseTpm2bPublic(bytes(akPublic)))
          : Buffer.from(answer.akName, 'hex'),
      credential,
      seed: randomBytes(32),
    });
    return {
      enrollmentId: randomUUID(),
      expiresAt: '2099-01-01T00:00:00Z',
      credentialBlob: Buffer.from(made.credentialBlob).toString('base64url'),
      secret: Buffer.from(made.secret).toString('base64url'),
    };
  }

  const isRefused = async (code: string, changes = {}) => {
    await assert.rejects(enrolAt(changes), { code });
    assert.equal(await readEnrolment(host.stateDir), null);
    assert.deepEqual(bodies, []);
  };

  it('shows nobody anything who does not hold the pinned key: PIN_MISMATCH', async () => {
    await isRefused('PIN_MISMATCH', { fingerprint: '00'.repeat(32) });
    assert.ok(!existsSync(join(host.stateDir, 'swtpm')));
  });

  it('takes no keys that have expired: TRUST_BUNDLE_EXPIRED', async () => {
    const present = bundle;
    bundle = { ...present, notAfter: '2020-01-01T00:00:00Z' };
    await isRefused('TRUST_BUNDLE_EXPIRED');
    bundle = present;
  });

  it('takes no certificate that the anchor does not vouch for: CERTIFICATE_UNTRUSTED', async () => {
    for (const certificates of [[strange], [strange, akCertificate]]) {
      answer = { ...answer, certificates };
      await isRefused('CERTIFICATE_UNTRUSTED');
    }
  });

  it('I4: does not activate what was made for another AK', async () => {
    answer = { ...answer, akName: `000b${'11'.repeat(32)}` };
    await isRefused('TPM_RC');
  });

  it('goes on with the key that it made before', async () => {
    const before = await readKeyRecord(host.stateDir);
    const { hostId, state } = await enrolAt();
    assert.equal(state, 'pending');
    assert.ok(before !== null);
    assert.deepEqual(await readKeyRecord(host.stateDir), before);
    const enrolment = await readEnrolment(host.stateDir);
    assert.equal(enrolment?.hostId, hostId);
    assert.equal(enrolment.fingerprint, pin);
    assert.equal(bodies.length, 1);
    for (const secret of [before.auth, before.private])
      assert.ok(!bodies.join('').includes(secret));
  });

  it('does not keep the join token', async () => {
    assert.ok(!(await readFile(join(host.stateDir, 'enrolment.json'), 'utf8')).includes('tsj_'));
  });

  it('happens once: ALREADY_ENROLLED', async () => {
    await assert.rejects(enrolAt(), { code: 'ALREADY_ENROLLED', status: 409 });
  });
  it('happens again after TPM2_Clear, with a new key: the old blob does not load any more', async () => {
    const before = await readKeyRecord(host.stateDir);
    await attester.close();
    await withTpmTools(`swtpm:path=${join(host.stateDir, 'swtpm', 'socket')}`, (tools) =>
      tools.run('tpm2_clear', '-c', 'lockout'),
    );
    assert.ok(before !== null);
    await assert.rejects(attester.key(before), { code: 'AK_LOST' });
    await enrolAt();
    const after = await readKeyRecord(host.stateDir);
    assert.notEqual(after?.akName, before.akName);
    assert.equal(after?.ekName, before.ekName);
    assert.equal((await readEnrolment(host.stateDir))?.akName, after?.akName);
    await assert.rejects(enrolAt(), { code: 'ALREADY_ENROLLED' });
  });
});
