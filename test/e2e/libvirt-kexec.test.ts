import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEventLog } from '@touchstone/eventlog';
import { type Baseline, BaselineList } from '@touchstone/schemas';
import { type BankName, encodeTpmlPcrSelection } from '@touchstone/tpm';
import { openTpm } from 'node-tpm2-tss-bindings';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { attack } from '../support/attack.ts';
import { describeLibvirt } from '../support/describe-libvirt.ts';
import { yamlOfLog } from '../support/firmware-baseline.ts';
import { firmwareLog } from '../support/firmware-boot.ts';
import { KERNEL, PCRS } from '../support/firmware-host.ts';
import { type LibvirtHost, startLibvirtHost } from '../support/libvirt-host.ts';
import {
  bootAggregate,
  imaBytes,
  imaExtend,
  imaFile,
  imaLine,
  type MadeImaEntry,
} from '../support/made-ima-list.ts';
import { startSwtpm, type Swtpm } from '../support/swtpm.ts';
import { startTpmDevice, type TpmDevice } from '../support/tpm-device.ts';
import { withTpmTools, writeChain } from '../support/tpm-tools.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const BANK: BankName = 'sha256';
const LIBVIRTD = '/usr/sbin/libvirtd';

/** Of class discrete: for a software TPM, where all is the host's own word, KEXEC_SEEN is a warning (decision 25). */
describeLibvirt(
  'VMs of libvirt on a host with a chip, of whose kernel IMA measures what it runs',
  () => {
    let touchstone: Touchstone;
    let alpha: LibvirtHost;
    let agent: AgentHost;
    let swtpm: Swtpm;
    let device: TpmDevice | undefined;
    let devices: string;
    let listFile: string;
    const log = firmwareLog();
    const list: MadeImaEntry[] = [];

    before(async function () {
      this.timeout(240_000);
      devices = await mkdtemp(join(tmpdir(), 'ts-dev-'));
      const logFile = join(devices, 'binary_bios_measurements');
      listFile = join(devices, 'binary_runtime_measurements');
      await writeFile(logFile, log);
      swtpm = await startSwtpm();
      const pem = (name: string) => readFile(join(swtpm.caDir, name), 'utf8');
      await writeChain(swtpm.tcti, new X509Certificate(await pem('issuercert.pem')).raw);
      const tpmRoots = { discrete: await pem('swtpm-localca-rootca-cert.pem') };
      [touchstone, alpha] = await Promise.all([
        startTouchstone({ tpmRoots }),
        startLibvirtHost({ name: 'alpha' }),
        boot(),
      ]);
      agent = await startAgentHost(touchstone, {
        ...{ name: 'chip', classes: ['discrete'], trusted: false, within: alpha.within },
        enrolWith: ['--tpm', join(devices, 'tpmrm0')],
        config: `firmwareLog: ${logFile}\nimaList: ${listFile}\n`,
      });
      assert.equal((await agent.command('install-hook')).exitCode, 0);
      await alpha.reloadLibvirtd();
      const labels = { site: 'chip' };
      await approve(
        yamlOfLog(log, { name: 'chip', labels, pcrs: PCRS, lockdown: [KERNEL] }),
        'chip',
      );
      const ima: Baseline = {
        ...{ kind: 'baseline', part: 'runtime', name: 'chip-ima', version: 1 },
        ...{ match: { labels, class: ['discrete'] }, banks: [BANK], rules: [] },
        ima: { mode: 'enforce', files: [{ digests: imaLine(LIBVIRTD) }] },
      };
      await approve(JSON.stringify(ima), 'chip-ima');
    });
    after(async () => {
      await agent?.stop();
      await Promise.all([alpha?.stop(), touchstone?.stop()]);
      await device?.stop();
      await swtpm?.stop();
      await rm(devices, { recursive: true, force: true });
    });

    const approve = async (yaml: string, name: string) => {
      await touchstone.operator('POST', '/v1/baselines', BaselineList, { yaml });
      await touchstone.operator('POST', `/v1/baselines/${name}/approval`, BaselineList, {});
    };

    const extend = (extensions: readonly { readonly pcr: number; readonly digest: Uint8Array }[]) =>
      withTpmTools(swtpm.tcti, ({ run }) => {
        const words = extensions.map(({ pcr, digest }) => `${pcr}:${BANK}=${hex(digest)}`);
        return run('tpm2_pcrextend', ...words);
      });

    /** As a kernel does it: the list first, then PCR 10. */
    const measure = async (entries: readonly MadeImaEntry[]) => {
      list.push(...entries);
      await writeFile(listFile, imaBytes(list));
      await extend(entries.map((entry) => ({ pcr: 10, digest: imaExtend(entry, BANK) })));
    };

    const boot = async () => {
      const events = parseEventLog(log).events.filter((one) => one.extends);
      await extend(
        events.flatMap(({ pcr, digests }) =>
          digests.filter(({ bank }) => bank === BANK).map(({ digest }) => ({ pcr, digest })),
        ),
      );
      await measure([bootAggregate(await staticPcrs(swtpm.tcti)), imaFile(LIBVIRTD)]);
      device = await startTpmDevice(swtpm, devices);
    };

    /** Another kernel, without a reset: the chip goes on, and IMA's list with it. */
    const kexec = async () => {
      await agent.stopAgent();
      await device?.stop();
      await measure([bootAggregate(await staticPcrs(swtpm.tcti)), imaFile(LIBVIRTD)]);
      device = await startTpmDevice(swtpm, devices);
      await agent.startAgent();
    };

    it('after kexec neither start nor restore what ran before: OSSN-0059 (G20)', async () => {
      const uuid = await alpha.define({ name: 'g' });
      await touchstone.addVm({ uuid, name: 'g', classes: ['discrete'] });
      assert.equal((await alpha.virsh('start', 'g')).stderr, '');
      const saved = join(alpha.directory, 'g.saved');
      await alpha.did('save', 'g', saved);

      await attack('G20', async () => {
        await kexec();
        for (const door of [
          ['start', 'g'],
          ['restore', saved],
        ]) {
          const refusal = await alpha.virsh(...door);
          assert.equal(refusal.exitCode, 1);
          assert.match(
            refusal.stderr,
            /: request [0-9a-f-]{36}: (?:HOST_NOT_TRUSTED|KEXEC_SEEN): .*To do: /,
          );
          assert.equal(alpha.qemuPid('g'), null);
        }
        const { host, findings } = await touchstone.explanation('chip');
        const enforced = findings.filter(({ effect }) => effect === 'enforce');
        assert.deepEqual(
          [host.state, ...enforced.map(({ code }) => code)],
          ['untrusted', 'KEXEC_SEEN'],
        );
        return { outcome: 'U', code: enforced[0]?.code ?? '' };
      });
    });
  },
);

/** PCR 0 to 9. */
async function staticPcrs(tcti: string): Promise<Uint8Array[]> {
  const tpm = await openTpm({ tcti });
  try {
    const of = (pcrs: number[]) => tpm.pcrRead(encodeTpmlPcrSelection([{ bank: BANK, pcrs }]));
    const values = [...(await of([0, 1, 2, 3, 4, 5, 6, 7])), ...(await of([8, 9]))];
    return values.map(({ digest }) => digest);
  } finally {
    await tpm.close();
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
