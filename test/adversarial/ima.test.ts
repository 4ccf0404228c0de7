import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { encodeSoftwareEvent, IMA_PCR, imaEntries } from '@touchstone/eventlog';
import { imaPolicyFromList } from '@touchstone/appraisal';
import {
  type Baseline,
  BaselineList,
  checkAgainst,
  type EvidenceAnswer,
  type ImaPolicy,
  ResultClaims,
} from '@touchstone/schemas';
import { hash } from '@touchstone/tpm';
import { attack } from '../support/attack.ts';
import { corpusIt, corpusPath } from '../support/corpus.ts';
import { readJws } from '../support/jws.ts';
import {
  bootAggregate,
  imaBytes,
  imaExtend,
  imaFile,
  imaLine,
  imaViolation,
  type MadeImaEntry,
} from '../support/made-ima-list.ts';
import { GOOD_BOOT } from '../support/measured-boot.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { codeOf } from '../support/refusals.ts';
import { resetTpm } from '../support/suspended-tpm.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const KNOWN = ['/usr/bin/bash', '/usr/bin/qemu-system-x86_64', '/usr/sbin/libvirtd'];

describe('IMA: what root runs after the host has booted', function () {
  this.timeout(60_000);
  let touchstone: Touchstone;
  let host: TestHost;
  let list: MadeImaEntry[];
  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    host = await TestHost.trusted(touchstone);
    const digests = KNOWN.map((path) => imaLine(path)).join('');
    await approve(touchstone, host, { mode: 'enforce', files: [{ digests }] });
  });
  after(async () => {
    await host?.stop();
    await touchstone?.stop();
  });
  /** A boot, with what its kernel measured at first; attested, and believed so far. */
  beforeEach(async () => {
    await host.reboot();
    list = [];
    await measure(bootAggregate(await pcrsOf(host)), ...KNOWN.map((path) => imaFile(path)));
    assert.equal((await attest(0)).state, 'trusted');
  });

  async function measure(...entries: readonly MadeImaEntry[]): Promise<void> {
    list.push(...entries);
    await host.extendImaPcr(entries.map((entry) => imaExtend(entry, 'sha256')));
  }
  const from = (fromEntry: number, entries: readonly MadeImaEntry[] = list.slice(fromEntry)) => ({
    ima: { fromEntry, entries: imaBytes(entries) },
  });
  const attest = (fromEntry: number) => host.attest(from(fromEntry));
  const untrusted = async (answer: EvidenceAnswer) => ({
    outcome: answer.state === 'untrusted' ? ('U' as const) : ('T' as const),
    code: enforced(answer)[0]?.code ?? 'none',
  });

  it('L29: a file that no baseline names, or of another content, is named', async () => {
    await measure(imaFile('/tmp/attacker'));
    await attack('L29', async () => untrusted(await attest(4)));
    const [found] = enforced(await attest(5));
    assert.match(found?.subject ?? '', /\/tmp\/attacker/u);
  });

  it('L29: a file of another content than the baseline says', async () => {
    await measure(imaFile(KNOWN[0] ?? '', 'another content'));
    await attack('L29', async () => untrusted(await attest(4)));
  });

  it('L29: a file that was written while it was read: nobody knows what was used', async () => {
    await measure(imaViolation('/usr/bin/bash'));
    await attack('L29', async () => untrusted(await attest(4)));
  });

  it('L29: a list that begins with the boot_aggregate of another boot', async () => {
    await host.reboot();
    list = [];
    await measure(bootAggregate(), ...KNOWN.map((path) => imaFile(path)));
    await attack('L29', async () => untrusted(await attest(0)));
  });

  it('a list without its last entry, or with one left out, is refused: IMA_LOG_MISMATCH', async () => {
    await measure(imaFile('/tmp/attacker'), imaFile(KNOWN[1] ?? ''));
    for (const entries of [list.slice(4, -1), list.slice(5), []]) {
      const refused = await refusedWithoutTrace(touchstone, () => host.attest(from(4, entries)));
      assert.ok(['IMA_LOG_MISMATCH', 'IMA_LOG_MISSING'].includes(refused.code ?? ''), refused.code);
    }
    assert.equal((await touchstone.host(host.name)).host.state, 'trusted');
    assert.equal((await attest(4)).state, 'untrusted');
  });

  it('a part that was good in the boot before, or on another host, is refused', async () => {
    const before = list;
    await host.reboot();
    list = [];
    await measure(bootAggregate(await pcrsOf(host)), imaFile('/tmp/attacker'));
    assert.equal(await codeOf(host.attest(from(0, before))), 'IMA_LOG_MISMATCH');
    assert.equal(await codeOf(host.attest(from(4, []))), 'IMA_LIST_ELSEWHERE');
  });

  it('of a TPM that was reset under its system and fed from the log, the list leads there no more: IMA_LOG_MISMATCH (G5)', async () => {
    await host.lend(() => resetTpm(host.swtpm));
    for (const { pcr, event } of GOOD_BOOT) await host.extend(pcr, encodeSoftwareEvent(event));
    // The kernel goes on where it was; what it measured since then leads there, and is of no boot.
    await measure(imaFile(KNOWN[1] ?? ''));
    const whole = await refusedWithoutTrace(touchstone, () => attest(0));
    assert.equal(whole.code, 'IMA_LOG_MISMATCH');
    const { outcome, code } = await untrusted(await host.attest(from(0, list.slice(4))));
    assert.deepEqual([outcome, code], ['U', 'IMA_BOOT_AGGREGATE']);
  });

  it('evidence whose list was exchanged on its way marks nobody: the honest one is taken after it', async () => {
    await measure(imaFile(KNOWN[1] ?? ''));
    const evidence = await host.evidence('attest', from(4));
    const entries = Buffer.from(imaBytes([imaFile('/tmp/attacker')])).toString('base64url');
    const exchanged = { ...evidence, imaList: { entries } };
    const refused = await refusedWithoutTrace(touchstone, () => host.deliver(exchanged));
    assert.equal(refused.code, 'IMA_LOG_MISMATCH');
    const { imaList: _, ...without } = evidence;
    assert.equal(await codeOf(host.deliver(without)), 'LOG_BLOB_MISSING');
    assert.equal((await host.deliver(evidence)).state, 'trusted');
  });

  corpusIt(
    'a recorded boot shows the two files that an attacker ran, and both violations',
    async () => {
      const recorded = await readFile(corpusPath('boots', 'g-ima-attacker', 'ima_binary'));
      const entries = [...imaEntries(recorded)];
      const isAttackers = (path: string) => /cryptominer|attacker/u.test(path);
      const policy = imaPolicyFromList(entries, { without: isAttackers });
      assert.ok(policy !== undefined);
      await approve(touchstone, host, policy);
      await host.reboot();
      const ones = new Uint8Array(32).fill(0xff);
      const ofPcr = entries.filter(({ pcr }) => pcr === IMA_PCR);
      await host.extendImaPcr(
        ofPcr.map(({ violation, data }) => (violation ? ones : hash('sha256', data))),
      );
      const answer = await host.attest({ ima: { fromEntry: 0, entries: recorded } });
      const found = enforced(answer);
      const subjects = (code: string) =>
        found.flatMap((one) => (one.code === code ? [one.subject] : []));
      const files = subjects('IMA_FILE_UNKNOWN').filter(isAttackers);
      assert.ok(
        files.some((path) => path.endsWith('/usr/local/sbin/cryptominer')),
        files.join(),
      );
      assert.ok(
        files.some((path) => path.endsWith('/opt/agent/attacker.sh')),
        files.join(),
      );
      assert.equal(files.length, 2);
      const violated = entries
        .filter(({ violation }) => violation)
        .map(({ name = '' }) => Buffer.from(name).toString('utf8'));
      assert.equal(violated.length, 2);
      for (const path of violated) assert.ok(subjects('IMA_VIOLATION').includes(path), path);
      assert.deepEqual([answer.state, answer.ima], ['untrusted', { nextEntry: entries.length }]);
    },
  );
});

const enforced = ({ result }: EvidenceAnswer) =>
  checkAgainst(ResultClaims, readJws(result).claims).submods.host['touchstone.findings'].filter(
    ({ effect }) => effect === 'enforce',
  );

let version = 0;
async function approve(touchstone: Touchstone, host: TestHost, ima: ImaPolicy): Promise<void> {
  version += 1;
  const document: Baseline = {
    ...{ kind: 'baseline', part: 'runtime', name: `${host.name}-ima`, version },
    match: { labels: { site: host.name }, class: ['software'] },
    ...{ banks: ['sha256'], rules: [], ima },
  };
  const yaml = JSON.stringify(document);
  await touchstone.operator('POST', '/v1/baselines', BaselineList, { yaml });
  await touchstone.operator('POST', `/v1/baselines/${document.name}/approval`, BaselineList, {});
}

/** PCR 0 to 9, as a kernel finds them. */
async function pcrsOf(host: TestHost): Promise<Uint8Array[]> {
  const pcrs = Array.from({ length: 10 }, (_, pcr) => pcr);
  const { sha256 = {} } = await host.readPcrs({ sha256: pcrs });
  return pcrs.map((pcr) => Buffer.from(sha256[`${pcr}`] ?? '', 'hex'));
}
