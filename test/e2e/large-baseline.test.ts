import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '@touchstone/cli';
import { BASELINE_YAML_MAX_BYTES, BaselineList } from '@touchstone/schemas';
import {
  bootAggregate,
  imaBytes,
  imaExtend,
  imaFile,
  imaLine,
  type MadeImaEntry,
} from '../support/made-ima-list.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const FILES = 100_000;
const pathOf = (file: number) =>
  `/usr/lib/modules/6.1.0-56-amd64/kernel/drivers/of/module-${file}.ko`;

describe('A policy for 100,000 files', function () {
  this.timeout(90_000);
  let touchstone: Touchstone;
  let host: TestHost;
  let home: string;
  const entries: MadeImaEntry[] = [];

  const command = async (...argv: readonly string[]) => {
    let [out, err] = ['', ''];
    const exit = await runCli({
      ...{ argv, env: {}, configHome: home },
      stdout: { write: (text) => (out += text) },
      stderr: { write: (text) => (err += text) },
    });
    return { exit, out, err };
  };
  const fileOf = async (name: string, text: string) => {
    const file = join(home, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  const measure = async (...more: readonly MadeImaEntry[]) => {
    entries.push(...more);
    await host.extendImaPcr(more.map((entry) => imaExtend(entry, 'sha256')));
    return host.attest({
      ima: { fromEntry: entries.length - more.length, entries: imaBytes(more) },
    });
  };
  let lines = '';
  const policy = (version: number, more = '') =>
    [
      ...['kind: baseline', 'part: runtime', 'name: files', `version: ${version}`],
      ...['match: { labels: {}, class: [software] }', 'banks: [sha256]', 'rules: []'],
      ...['ima:', '  mode: enforce', '  files:', '    - digests: |'],
      `${lines}${more}`,
    ].join('\n');

  before(async function () {
    this.timeout(120_000);
    home = await mkdtemp(join(tmpdir(), 'ts-large-'));
    touchstone = await startTouchstone();
    const { exit, err } = await command(
      ...['login', '--server', touchstone.url, '--fingerprint', touchstone.fingerprint],
      ...['--token-file', await fileOf('token', touchstone.token)],
    );
    assert.equal(exit, 0, err);
    host = await TestHost.trusted(touchstone);
    lines = Array.from({ length: FILES }, (_, file) => `        ${imaLine(pathOf(file))}`).join('');
    const pcrs = Array.from({ length: 10 }, (_, pcr) => pcr);
    const { sha256 = {} } = await host.readPcrs({ sha256: pcrs });
    const values = pcrs.map((pcr) => Buffer.from(sha256[`${pcr}`] ?? '', 'hex'));
    await measure(bootAggregate(values), imaFile(pathOf(99_999)));
  });
  after(async () => {
    await host?.stop();
    await touchstone?.stop();
    await rm(home, { recursive: true, force: true });
  });

  it('is previewed, drafted, shown, compared and approved', async () => {
    assert.ok(policy(1).length > 12_000_000);
    const file = await fileOf('policy.yaml', policy(1));
    const previewed = await command('baseline', 'preview', '--file', file, '--json');
    assert.equal(previewed.exit, 0, previewed.err);
    const drafted = await command('baseline', 'import', file);
    assert.equal(drafted.exit, 0, drafted.err);
    const shown = await command('baseline', 'show', 'files');
    assert.equal(shown.exit, 0, shown.err);
    assert.ok(shown.out.includes(pathOf(FILES - 1)));
    const approved = await command('baseline', 'approve', 'files');
    assert.equal(approved.exit, 0, approved.err);
    const other = policy(2, `        ${imaLine('/usr/bin/one-more')}`);
    const differs = await command('baseline', 'diff', file, await fileOf('two.yaml', other));
    assert.equal(differs.exit, 1, differs.err);
    assert.match(differs.out, /one-more/u);
  });

  it('judges what a host measured', async () => {
    assert.equal((await measure(imaFile(pathOf(0)))).state, 'trusted');
    const answer = await measure(imaFile('/tmp/attacker'));
    assert.equal(answer.state, 'untrusted');
    const { findings } = await touchstone.explanation(host.name);
    assert.ok(findings.some(({ code }) => code === 'IMA_FILE_UNKNOWN'));
  });

  it('is refused where it is one byte longer than may be read, by a code that says so', async () => {
    const short = policy(2);
    const longest = `${short}#${'x'.repeat(BASELINE_YAML_MAX_BYTES - short.length - 1)}`;
    const draft = (yaml: string) =>
      touchstone.operator('POST', '/v1/baselines', BaselineList, { yaml });
    await assert.rejects(draft(`${longest}x`), { code: 'BASELINE_TOO_LARGE', status: 422 });
    const { exit, err } = await command(
      'baseline',
      'import',
      await fileOf('longer.yaml', `${longest}x`),
    );
    assert.equal(exit, 65);
    assert.match(err, /FILE_TOO_LARGE/u);
    assert.equal(
      (await command('baseline', 'import', await fileOf('longest.yaml', longest))).exit,
      0,
    );
    // Together they are more than a page holds.
    const { exit: listed, out } = await command('baseline', 'list');
    assert.equal(listed, 0);
    assert.equal([...out.matchAll(/\bfiles\b/gu)].length, 2, out);
  });
});
