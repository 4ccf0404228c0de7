import assert from 'node:assert/strict';
import { randomUUID, X509Certificate } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEventLog } from '@touchstone/eventlog';
import { BaselineList } from '@touchstone/schemas';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { corpusPath, describeCorpus } from '../support/corpus.ts';
import { startSwtpm, type Swtpm } from '../support/swtpm.ts';
import { startTpmDevice, type TpmDevice } from '../support/tpm-device.ts';
import { withTpmTools, writeChain } from '../support/tpm-tools.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

/** Debian's linux-image-6.1.0-56-cloud-amd64 6.1.192-2, which locks itself down under Secure Boot. */
const KERNEL = '5f21ff2c0d5d899842b28a8b19901ba72cf7a7ab93c02a77fadc6ff72be85b31';
const bootLog = (boot: string) => corpusPath('boots', boot, 'binary_bios_measurements');

describeCorpus('A host with a chip', function () {
  let swtpm: Swtpm;
  let device: TpmDevice | undefined;
  let devices: string;
  let log: string;
  let touchstone: Touchstone;
  let host: AgentHost;
  const vm = randomUUID();

  before(async function () {
    this.timeout(90_000);
    devices = await mkdtemp(join(tmpdir(), 'ts-dev-'));
    log = join(devices, 'binary_bios_measurements');
    swtpm = await startSwtpm();
    const pem = (name: string) => readFile(join(swtpm.caDir, name), 'utf8');
    await writeChain(swtpm.tcti, new X509Certificate(await pem('issuercert.pem')).raw);
    const tpmRoots = { discrete: await pem('swtpm-localca-rootca-cert.pem') };
    touchstone = await startTouchstone({ tpmRoots });
    await boots('a-sb-on');
    host = await startAgentHost(touchstone, {
      ...{ name: 'chip', classes: ['discrete'], trusted: false },
      enrolWith: ['--tpm', join(devices, 'tpmrm0')],
      config: `firmwareLog: ${log}\n`,
    });
    await touchstone.addVm({ uuid: vm, name: 'guarded', classes: ['discrete'] });
  });
  after(async () => {
    await host?.stopAgent();
    await host?.stop();
    await touchstone?.stop();
    await device?.stop();
    await swtpm?.stop();
    await rm(devices, { recursive: true, force: true });
  });

  /** What the firmware, the loaders and the kernel of that boot measured, into a TPM that was reset. */
  const boots = async (boot: string): Promise<void> => {
    await device?.stop();
    await swtpm.restart();
    const events = parseEventLog(await readFile(bootLog(boot))).events.filter((one) => one.extends);
    const extensions = events.map(({ pcr, digests }) => {
      const values = digests.map(({ bank, digest }) => `${bank}=${hex(digest)}`);
      return `${pcr}:${values.join()}`;
    });
    await withTpmTools(swtpm.tcti, ({ run }) => run('tpm2_pcrextend', ...extensions));
    device = await startTpmDevice(swtpm, devices);
    await copyFile(bootLog(boot), log);
  };

  it('is captured, approved, and trusted once its kernel is known to lock down; a VM starts', async () => {
    const { baselines } = await touchstone.operator(
      'POST',
      '/v1/hosts/chip/baseline',
      BaselineList,
      { name: 'chip', acceptUnverified: true },
    );
    const parts = baselines.map(({ baseline }) => baseline.part);
    assert.ok(parts.includes('bootChain') && parts.includes('commandLine'), parts.join());
    await touchstone.operator('POST', '/v1/baselines/chip/approval', BaselineList, {});
    const before = await touchstone.explanation('chip');
    const enforced = before.findings.filter(({ effect }) => effect === 'enforce');
    assert.deepEqual(
      [before.host.state, ...enforced.map(({ code }) => code)],
      ['untrusted', 'KEXEC_UNMEASURED'],
    );
    const { yaml } = baselines.find(({ baseline }) => baseline.part === 'bootChain')!;
    // The same event is allowed twice: the loader's and the stub's load of one kernel.
    const known = yaml
      .replace(/^version: 1$/mu, 'version: 2')
      .replace(KERNEL, `${KERNEL}, lockdown: true`);
    await touchstone.operator('POST', '/v1/baselines', BaselineList, { yaml: known });
    await touchstone.operator('POST', '/v1/baselines/chip/approval', BaselineList, {});
    const { host: shown, bootState, findings } = await touchstone.explanation('chip');
    assert.deepEqual([shown.class, shown.state], ['discrete', 'trusted'], JSON.stringify(findings));
    assert.deepEqual([bootState?.secureBoot, bootState?.kexec], ['on', 'locked-down']);
    const probe = host.probe();
    const outcome = await host.run(vm, probe.command);
    assert.deepEqual([outcome.exitCode, probe.started()], [0, true], outcome.stderr);
  }).timeout(60_000);

  it('is untrusted after a boot with other words on its command line, by name; no VM starts (L27)', async () => {
    await host.stopAgent();
    await boots('c-cmdline');
    await host.startAgent();
    const probe = host.probe();
    const outcome = await host.run(vm, probe.command);
    assert.equal(probe.started(), false);
    assert.notEqual(outcome.exitCode, 0);
    const { host: shown, findings, bootState } = await touchstone.explanation('chip');
    assert.equal(shown.state, 'untrusted');
    assert.match(bootState?.commandLines[0]?.text ?? '', /mitigations=off/u);
    const words = findings
      .filter(({ effect }) => effect === 'enforce')
      .map(({ expected, actual, nearest }) => [expected, actual, nearest].join(' '))
      .join('\n');
    assert.match(words, /module\.sig_enforce=0/u);
    assert.match(words, /mitigations=off/u);
  }).timeout(60_000);
});

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
