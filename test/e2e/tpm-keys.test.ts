import assert from 'node:assert/strict';
import { randomUUID, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentStatus, type AkKind, type EkKind } from '@touchstone/schemas';
import { parseTpm2bPublic } from '@touchstone/tpm';
import { pinnedClient, unixClient } from '@touchstone/transport';
import { Type } from 'typebox';
import { type AgentHost, type AgentHostOptions, startAgentHost } from '../support/agent-host.ts';
import { expiredCertificate } from '../support/expired-certificate.ts';
import { startSwtpm, type Swtpm } from '../support/swtpm.ts';
import { startTpmDevice, type TpmDevice } from '../support/tpm-device.ts';
import { writeChain } from '../support/tpm-tools.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

describe('Each kind of EK with each kind of AK', function () {
  this.timeout(90_000);
  let swtpm: Swtpm;
  let device: TpmDevice;
  let touchstone: Touchstone;
  let host: AgentHost | undefined;

  before(async () => {
    swtpm = await startSwtpm();
    const pem = (name: string) => readFile(join(swtpm.caDir, name), 'utf8');
    await writeChain(swtpm.tcti, new X509Certificate(await pem('issuercert.pem')).raw);
    device = await startTpmDevice(swtpm);
    const tpmRoots = { virtual: await pem('swtpm-localca-rootca-cert.pem') };
    touchstone = await startTouchstone({ tpmRoots });
  });
  afterEach(async () => {
    // A terminal has no resource manager: an agent that is killed leaves its keys in the TPM.
    await host?.stopAgent();
    await host?.stop();
    host = undefined;
  });
  after(async () => {
    await touchstone?.stop();
    await device?.stop();
    await swtpm?.stop();
  });

  const start = async (options: AgentHostOptions): Promise<AgentHost> => {
    host = await startAgentHost(touchstone, options);
    return host;
  };

  describe('by the device of a TPM that a root of the CA vouches for', () => {
    it('is never called software: a join token for software does not admit it', async () => {
      const enrolWith = ['--tpm', device.path];
      await assert.rejects(
        start({ name: 'disguised', enrolWith, classes: ['software'] }),
        /CLASS_NOT_ADMITTED/u,
      );
    });

    for (const [ek, ak] of [
      ['rsa-2048', 'ecc-p256'],
      ['ecc-p384', 'rsa-2048'],
    ] as const) {
      it(`EK ${ek}, AK ${ak}: enrols as class virtual, and its evidence is authentic`, async () => {
        const enrolWith = ['--tpm', device.path, '--ek', ek, '--ak', ak];
        const classes: AgentHostOptions['classes'] = ['virtual'];
        const name = `device-${ek}`;
        const { stateDir, hostId } = await start({ name, enrolWith, classes, trusted: false });
        await attested(stateDir);
        const { device: at, ...kinds } = (await statusOf(stateDir)).tpm;
        assert.deepEqual([at, kinds], [device.path, { ek, ak }]);
        const { host: shown, findings } = await touchstone.explanation(hostId);
        // Another kernel could have been started unseen, and there is no log of this one.
        assert.deepEqual([shown.class, shown.state], ['virtual', 'untrusted']);
        const codes = findings.map(({ code }) => code);
        for (const code of ['KEXEC_UNMEASURED', 'LOG_MISSING']) assert.ok(codes.includes(code));
        await isOfKind(stateDir, ek, ak);
      });
    }
  });

  describe('of a maker of whose TPMs the CA takes one EK', () => {
    const codesOf = /EK_ALGORITHM_NOT_CHOSEN/u;
    let added: Swtpm;
    let chip: TpmDevice;

    before(async function () {
      this.timeout(90_000);
      added = await startSwtpm();
      const pem = (name: string) => readFile(join(added.caDir, name), 'utf8');
      await writeChain(added.tcti, new X509Certificate(await pem('issuercert.pem')).raw);
      chip = await startTpmDevice(added);
      const root = new X509Certificate(await pem('swtpm-localca-rootca-cert.pem')).raw;
      const { url, fingerprint } = touchstone.ca;
      const client = pinnedClient({ url, pin: fingerprint });
      await client.request({
        method: 'POST',
        path: '/v1/operator/tpm-roots',
        schema: Type.Unknown(),
        bearer: touchstone.caToken,
        body: {
          der: root.toString('base64url'),
          ...{ class: 'virtual', maker: 'swtpm', ekAlgorithm: 'rsa', source: 'this test' },
          ...{ url: null, licence: 'none', date: null, reason: 'a test' },
        },
      });
      await client.close();
    });
    after(async () => {
      await chip?.stop();
      await added?.stop();
    });

    it('enrols with that one by itself, though it would have taken another', async () => {
      const enrolWith = ['--tpm', chip.path];
      const options = { name: 'both', enrolWith, classes: ['virtual' as const], trusted: false };
      const { stateDir } = await start(options);
      await attested(stateDir);
      assert.deepEqual((await statusOf(stateDir)).tpm.ek, 'rsa-2048');
      await isOfKind(stateDir, 'rsa-2048', 'ecc-p256');
    });

    it('is refused with the other where somebody insists: EK_ALGORITHM_NOT_CHOSEN', async () => {
      const enrolWith = ['--tpm', chip.path, '--ek', 'ecc-p384'];
      await assert.rejects(start({ name: 'insists', enrolWith, classes: ['virtual'] }), codesOf);
    });
  });

  describe('by a software TPM of the agent’s own', () => {
    for (const [ek, ak] of [
      ['rsa-2048', 'rsa-2048'],
      ['ecc-p384', 'ecc-p256'],
    ] as const) {
      it(`EK ${ek}, AK ${ak}: enrols, is trusted, starts a VM and renews its certificate`, async () => {
        const enrolWith = ['--tpm', 'software', '--ek', ek, '--ak', ak];
        const agent = await start({ name: `software-${ek}`, enrolWith });
        const { stateDir } = agent;
        assert.deepEqual((await statusOf(stateDir)).tpm, { device: null, ek, ak });
        await isOfKind(stateDir, ek, ak);
        const vm = randomUUID();
        await touchstone.addVm({ uuid: vm, name: `vm-${vm.slice(0, 8)}` });
        const probe = agent.probe();
        const { exitCode, stderr } = await agent.run(vm, probe.command);
        assert.deepEqual([exitCode, probe.started()], [0, true], stderr);

        await agent.stopAgent();
        const expired = await forget(stateDir);
        await agent.startAgent();
        await until(async () => (await certificateIn(stateDir)) !== expired);
        assert.equal((await touchstone.host(agent.hostId)).host.state, 'trusted');
      });
    }
  });
});

async function statusOf(stateDir: string): Promise<AgentStatus> {
  const client = unixClient({ path: join(stateDir, 'agent.sock') });
  try {
    return await client.request({ method: 'GET', path: '/v1/status', schema: AgentStatus });
  } finally {
    await client.close();
  }
}

async function attested(stateDir: string): Promise<void> {
  await until(async () => {
    const { lastAttestedAt, lastError } = await statusOf(stateDir);
    assert.equal(lastError, null, JSON.stringify(lastError));
    return lastAttestedAt !== null;
  });
}

/** What lies in the state directory: the AK, the EK's Name, and the binding key with the EK's algorithms. */
async function isOfKind(stateDir: string, ek: EkKind, ak: AkKind): Promise<void> {
  const read = async (name: string) =>
    JSON.parse(await readFile(join(stateDir, name), 'utf8')) as Record<string, string>;
  const key = await read('attestation-key.json');
  const binding = await read('binding-key.json');
  const publicIn = (record: Record<string, string>) =>
    parseTpm2bPublic(Buffer.from(record['public'] ?? '', 'base64url'));
  assert.equal(publicIn(key).type, ak === 'rsa-2048' ? 'rsa' : 'ecc');
  assert.equal(key['ekName']?.slice(0, 4), ek === 'ecc-p384' ? '000c' : '000b');
  const { nameAlg, parameters } = publicIn(binding);
  const expected = ek === 'ecc-p384' ? ['sha384', 256] : ['sha256', 128];
  const { symmetric } = parameters;
  assert.deepEqual([nameAlg, 'keyBits' in symmetric && symmetric.keyBits], expected);
}

/** Puts a certificate that has ended in the place of the agent's, as after an absence. */
async function forget(stateDir: string): Promise<string> {
  const path = join(stateDir, 'enrolment.json');
  const enrolment = JSON.parse(await readFile(path, 'utf8')) as object;
  const expired = expiredCertificate();
  await writeFile(path, JSON.stringify({ ...enrolment, certificates: [expired] }));
  return expired;
}

async function certificateIn(stateDir: string): Promise<string | undefined> {
  const text = await readFile(join(stateDir, 'enrolment.json'), 'utf8');
  return (JSON.parse(text) as { certificates: string[] }).certificates[0];
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error('not after 30 s');
    await sleep(100);
  }
}
