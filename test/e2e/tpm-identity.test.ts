import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '@touchstone/cli';
import type {
  EndorsementKey,
  TpmRootAdmitted,
  TpmRootList,
  WaitingKeys,
} from '@touchstone/schemas';
import { inherited } from '../support/inherited.ts';
import { startSwtpm, type Swtpm } from '../support/swtpm.ts';
import { startTpmDevice, type TpmDevice } from '../support/tpm-device.ts';
import { withTpmTools } from '../support/tpm-tools.ts';
import { BIN, startTouchstone, type Touchstone } from '../support/touchstone.ts';

type Outcome = { readonly code: number; readonly out: string; readonly err: string };

describe('TPMs that nobody vouched for yet', function () {
  this.timeout(90_000);
  let directory: string;
  let touchstone: Touchstone;
  const made: { swtpm: Swtpm; device: TpmDevice }[] = [];

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-id-'));
    touchstone = await startTouchstone();
    for (const without of [[], ['0x01c00002', '0x01c00016']]) {
      const swtpm = await startSwtpm();
      await withTpmTools(swtpm.tcti, async ({ run: tool }) => {
        for (const index of without) await tool('tpm2_nvundefine', '-C', 'p', index);
      });
      made.push({ swtpm, device: await startTpmDevice(swtpm) });
    }
    const tokens = `${touchstone.token}.${touchstone.caToken}`;
    const tokenFile = join(directory, 'token');
    await writeFile(tokenFile, tokens, { mode: 0o600 });
    const at = ['--server', touchstone.url, '--fingerprint', touchstone.fingerprint];
    const { code, err } = await cli('login', ...at, '--token-file', tokenFile);
    assert.equal(code, 0, err);
  });
  after(async () => {
    await touchstone?.stop();
    for (const { swtpm, device } of made) {
      await device.stop();
      await swtpm.stop();
    }
    await rm(directory, { recursive: true, force: true });
  });

  const chip = (index: number) => {
    const one = made[index];
    assert.ok(one);
    return one;
  };
  const cli = async (...argv: string[]): Promise<Outcome> => {
    let [out, err] = ['', ''];
    const code = await runCli({
      ...{ argv, env: {}, configHome: directory },
      stdout: { write: (text) => (out += text) },
      stderr: { write: (text) => (err += text) },
    });
    return { code, out, err };
  };
  async function json<T>(...args: string[]): Promise<T> {
    const { code, out, err } = await cli('--json', ...args);
    assert.equal(code, 0, err);
    return JSON.parse(out) as T;
  }
  /** Of a host whose chip is at that device. */
  const enrol = async (name: string, index: number) => {
    const token = join(directory, `${name}.token`);
    await writeFile(token, await touchstone.joinToken({ classes: ['virtual', 'discrete'] }), {
      mode: 0o600,
    });
    return agent([
      ...['enroll', '--state', join(directory, name), '--tpm', chip(index).device.path],
      ...['--server', touchstone.url, '--fingerprint', touchstone.fingerprint],
      ...['--name', name, '--join-token-file', token],
    ]);
  };

  it('are told where their makers’ certificates can be had', async () => {
    const { code, out } = await cli('ca', 'bundle', 'list');
    assert.equal(code, 0);
    assert.match(out, /No maker of TPMs is trusted yet\./u);
    assert.match(out, /https:\/\/go\.microsoft\.com\//u);
    assert.match(out, /touchstone ca bundle import DIR/u);
  });

  describe('and whose root is then added', () => {
    let start: string;

    it('are refused until then: EK_UNTRUSTED_ROOT', async () => {
      const { code, err } = await enrol('rooted', 0);
      assert.notEqual(code, 0);
      assert.match(err, /EK_UNTRUSTED_ROOT/u);
      assert.match(err, /touchstone ca bundle import DIR/u);
    });

    it('are not taken from a directory, where the list does not know them', async () => {
      const { code, out } = await cli('ca', 'bundle', 'import', chip(0).swtpm.caDir);
      assert.equal(code, 1);
      assert.match(out, /not on the list/u);
      assert.match(out, /without a root/u);
      assert.match(out, /CN=swtpm-localca-rootca/u);
    });

    it('enrol by a root that was added with its provenance, and by the link below it', async () => {
      const { caDir } = chip(0).swtpm;
      const added = await cli(
        ...['ca', 'bundle', 'add', join(caDir, 'swtpm-localca-rootca-cert.pem')],
        ...['--class', 'virtual', '--maker', 'swtpm', '--licence', 'our own'],
        ...['--source', 'our own machine', '--date', '2026-01-01'],
      );
      assert.equal(added.code, 0, added.err);
      const again = await cli('ca', 'bundle', 'import', caDir);
      assert.equal(again.code, 0, again.err);
      assert.match(again.out, /taken/u);
      const { code, err } = await enrol('rooted', 0);
      assert.equal(code, 0, err);
      const { roots } = await json<TpmRootList>('ca', 'bundle', 'list');
      assert.deepEqual(
        roots.map(({ maker, admitted, provenance }) => [maker, admitted, provenance?.source]),
        [['swtpm', 1, 'our own machine']],
      );
      start = roots[0]?.fingerprint.slice(0, 16) ?? '';
      assert.match((await cli('ca', 'bundle', 'list')).out, new RegExp(start, 'u'));
    });

    it('are named, with when it ends, before that root is removed', async () => {
      const { out } = await cli('ca', 'bundle', 'preview', 'remove', start);
      assert.match(out, /rooted/u);
      assert.match(out, /The last of their certificates holds until/u);
      const refused = await cli('ca', 'bundle', 'remove', start, '--reason', 'a test');
      assert.equal(refused.code, 1);
      assert.match(refused.out, /rooted[\s\S]*Nothing was removed/u);
      const means = await json<TpmRootAdmitted & { hosts: Record<string, string> }>(
        ...['ca', 'bundle', 'preview', start],
      );
      assert.deepEqual(Object.values(means.hosts), ['rooted']);
      const why = ['--reason', 'a test', '--yes', '--revoke'];
      const removed = await cli('ca', 'bundle', 'remove', start, ...why);
      assert.equal(removed.code, 0, removed.err);
      assert.match(removed.out, /1 TPM that it had admitted: revoked for good/u);
      assert.deepEqual((await json<TpmRootList>('ca', 'bundle', 'list')).roots, []);
      const { ekRef } = await touchstone.host('rooted');
      const key = await json<EndorsementKey>('ca', 'ek', 'show', ekRef);
      assert.deepEqual([key.state, key.certificateUntil], ['revoked', null]);
    });
  });

  describe('and that have no certificate', () => {
    let ekName: string;

    it('wait for somebody who pins their EK, whose Name the machine prints: EK_NOT_PINNED', async () => {
      const { code, err } = await enrol('bare', 1);
      assert.notEqual(code, 0);
      assert.match(err, /EK_NOT_PINNED/u);
      const { keys } = await json<WaitingKeys>('ca', 'ek', 'waiting');
      const [waiting] = keys.filter(({ issuer }) => issuer === null);
      ekName = waiting?.ekName ?? '';
      assert.ok(err.includes(ekName), err);
      assert.ok((await cli('ca', 'ek', 'waiting')).out.includes(ekName));
    });

    it('enrol then with the class that was stated, which is shown as a pin', async () => {
      const why = ['--class', 'discrete', '--reason', 'seen on the machine'];
      const pinned = await cli('ca', 'ek', 'pin', ekName, ...why);
      assert.equal(pinned.code, 0, pinned.err);
      const { code, err } = await enrol('bare', 1);
      assert.equal(code, 0, err);
      const { host, ekRef, pinned: said } = await touchstone.host('bare');
      assert.deepEqual([host.class, said], ['discrete', true]);
      assert.match(
        (await cli('host', 'show', 'bare')).out,
        /discrete, because an operator pinned it/u,
      );
      const key = await json<EndorsementKey & { host: string }>('ca', 'ek', 'show', ekRef);
      assert.deepEqual([key.host, key.vouchedBy, key.ekName], ['bare', 'pin', ekName]);
      assert.match((await cli('ca', 'ek', 'pins')).out, /seen on the machine/u);
    });

    it('leave with their host, out of service until they are readmitted: EK_DECOMMISSIONED', async () => {
      const { ekRef } = await touchstone.host('bare');
      const gone = await cli(...['host', 'remove', 'bare', '--reason', 'sold', '--decommission']);
      assert.equal(gone.code, 0, gone.err);
      assert.match((await cli('ca', 'ek', 'list')).out, /no host +discrete +out of service/u);
      await rm(join(directory, 'bare'), { recursive: true });
      assert.match((await enrol('bare', 1)).err, /EK_DECOMMISSIONED/u);
      const back = await cli('ca', 'ek', 'readmit', ekRef, '--reason', 'bought back');
      assert.equal(back.code, 0, back.err);
      assert.equal((await enrol('bare', 1)).code, 0);
    });
  });
});

function agent(args: readonly string[]): Promise<Outcome> {
  const env = inherited();
  return new Promise((resolve) => {
    execFile(process.execPath, [BIN.agent, ...args], { env }, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), out, err }),
    );
  });
}
