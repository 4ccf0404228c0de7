import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Baseline, BaselineList, checkAgainst, Statement } from '@touchstone/schemas';
import { bankAlgorithm, encodeTpmlPcrSelection } from '@touchstone/tpm';
import { openTpm, type Tpm } from 'node-tpm2-tss-bindings';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { touchstoneCommand } from '../support/command.ts';
import {
  bootAggregate,
  imaBytes,
  imaExtend,
  imaFile,
  imaLine,
  type MadeImaEntry,
} from '../support/made-ima-list.ts';
import { recordsOf } from '../support/records.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const KNOWN = ['/usr/bin/bash', '/usr/bin/qemu-system-x86_64', '/usr/sbin/libvirtd'];
const NAME = 'hv-ima';
const DEADLINE_MS = 15_000;

describe('IMA, with the agent as its own process', function () {
  this.timeout(60_000);
  let touchstone: Touchstone;
  let host: AgentHost;
  let directory: string;
  let listFile: string;
  const list: MadeImaEntry[] = [];

  before(async function () {
    this.timeout(120_000);
    directory = await mkdtemp(join(tmpdir(), 'ts-ima-'));
    listFile = join(directory, 'binary_runtime_measurements');
    touchstone = await startTouchstone({ intervalSeconds: 1 });
    host = await startAgentHost(touchstone, { name: NAME, config: `imaList: ${listFile}\n` });
  });
  after(async () => {
    await host?.stop();
    await touchstone?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** As a kernel does it: the list first, then PCR 10. The software TPM talks to one at a time. */
  async function measure(of: (pcrs: Uint8Array[]) => readonly MadeImaEntry[]): Promise<void> {
    await host.stopAgent();
    const tpm = await openTpm({ tcti: `swtpm:path=${join(host.stateDir, 'swtpm/socket')}` });
    try {
      const entries = of(await staticPcrs(tpm));
      list.push(...entries);
      await writeFile(listFile, imaBytes(list));
      const alg = bankAlgorithm('sha256');
      for (const entry of entries) {
        await tpm.pcrExtend(10, [{ alg, digest: imaExtend(entry, 'sha256') }]);
      }
    } finally {
      await tpm.close();
    }
    await host.startAgent();
  }

  type Part = { readonly fromEntry: number | undefined; readonly isEmpty: boolean };
  /** What came of the list with each evidence for an attestation, in the order in which it came. */
  async function sent(): Promise<Part[]> {
    const { evidence = [] } = await recordsOf(touchstone);
    return (evidence as EvidenceRow[])
      .filter(({ purpose, ima_list: digest }) => purpose === 'attest' && digest !== null)
      .toSorted((a, b) => Date.parse(a.received_at) - Date.parse(b.received_at))
      .map(({ statement, ima_list: digest }) => {
        const bytes = Buffer.from(statement.slice(2), 'hex');
        const { logs } = checkAgainst(Statement, JSON.parse(bytes.toString('utf8')));
        const reference = logs.find((log) => log.kind === 'ima');
        return { fromEntry: reference?.fromEntry, isEmpty: digest === '' };
      });
  }
  const stateIs = async (state: string) => (await touchstone.host(NAME)).host.state === state;
  const approveIma = async () => {
    const digests = KNOWN.map((path) => imaLine(path)).join('');
    const document: Baseline = {
      ...{ kind: 'baseline', part: 'runtime', name: `${NAME}-ima`, version: 1 },
      match: { labels: { site: NAME }, class: ['software'] },
      ...{ banks: ['sha256'], rules: [], ima: { mode: 'enforce', files: [{ digests }] } },
    };
    const yaml = JSON.stringify(document);
    await touchstone.operator('POST', '/v1/baselines', BaselineList, { yaml });
    const path = `/v1/baselines/${document.name}/approval`;
    await touchstone.operator('POST', path, BaselineList, {});
  };
  const explained = async () => {
    const session = ['--profile', join(directory, 'profile')];
    const logIn = ['login', '--server', touchstone.url, '--fingerprint', touchstone.fingerprint];
    const on = { input: `${touchstone.token}\n` };
    const { exitCode } = await touchstoneCommand([...logIn, ...session, '--token-file', '-'], on);
    assert.equal(exitCode, 0);
    return touchstoneCommand(['host', 'explain', NAME, ...session]);
  };

  it('sends its list once, and then only from where it ended', async () => {
    await measure((pcrs) => [bootAggregate(pcrs), ...KNOWN.map((path) => imaFile(path))]);
    await eventually(async () => (await sent()).filter(({ isEmpty }) => isEmpty).length >= 2);
    const [first, ...later] = await sent();
    assert.deepEqual(first, { fromEntry: 0, isEmpty: false });
    assert.deepEqual(new Set(later.map((part) => JSON.stringify(part))), new Set([nothingFrom(4)]));
  });

  it('is trusted with a policy for the files that it measured', async () => {
    await approveIma();
    assert.ok(await stateIs('trusted'));
    const before = (await sent()).length;
    await eventually(async () => (await sent()).length > before + 1);
    assert.ok(await stateIs('trusted'));
  });

  it('is untrusted once its kernel measured a file of an attacker’s, and `host explain` names it', async () => {
    await measure(() => [imaFile('/tmp/attacker')]);
    await eventually(() => stateIs('untrusted'));
    const { exitCode, stdout } = await explained();
    assert.equal(exitCode, 0);
    assert.match(stdout, /IMA_FILE_UNKNOWN/u);
    assert.match(stdout, /\/tmp\/attacker/u);
    await eventually(async () => JSON.stringify((await sent()).at(-1)) === nothingFrom(5));
    assert.ok(await stateIs('untrusted'));
  });
});

const nothingFrom = (fromEntry: number) => JSON.stringify({ fromEntry, isEmpty: true });

type EvidenceRow = {
  readonly purpose: string;
  readonly statement: string;
  readonly ima_list: string | null;
  readonly received_at: string;
};

/** PCR 0 to 9. */
async function staticPcrs(tpm: Tpm): Promise<Uint8Array[]> {
  const pcrs = Array.from({ length: 10 }, (_, pcr) => pcr);
  const values = await Promise.all(
    [pcrs.slice(0, 8), pcrs.slice(8)].map((some) =>
      tpm.pcrRead(encodeTpmlPcrSelection([{ bank: 'sha256', pcrs: some }])),
    ),
  );
  return values.flat().map(({ digest }) => digest);
}

async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + DEADLINE_MS; !(await isSo()); await sleep(100)) {
    assert.ok(Date.now() < deadline, `not within ${DEADLINE_MS} ms`);
  }
}
