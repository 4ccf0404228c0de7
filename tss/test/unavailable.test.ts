import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { openTpm } from 'node-tpm2-tss-bindings';
import type { Tpm } from 'node-tpm2-tss-bindings';
import { startSwtpm } from '../../test/support/swtpm.ts';
import type { Swtpm } from '../../test/support/swtpm.ts';
import { ALL_SHA256, EK_HANDLE } from './support/attester.ts';

const TIMEOUT_MS = 600;
/** What "in time" means on a loaded machine: long before the test's own time is up. */
const SLACK_MS = 20_000;

describe('a TPM that does not answer', () => {
  let swtpm: Swtpm;
  let tpm: Tpm;
  before(async () => {
    swtpm = await startSwtpm();
  });
  beforeEach(async () => {
    tpm = await openTpm({ tcti: swtpm.tcti, commandTimeoutMs: TIMEOUT_MS });
  });
  afterEach(() => tpm?.close());
  after(() => swtpm?.stop());

  const stopped = async (use: () => Promise<void>) => {
    process.kill(swtpm.pid, 'SIGSTOP');
    try {
      await use();
    } finally {
      process.kill(swtpm.pid, 'SIGCONT');
    }
  };

  it('that hangs: TPM_TIMEOUT for the command, TPM_UNAVAILABLE for those behind it', async () => {
    await stopped(async () => {
      const tookMs = await timed(async () => {
        const hung = tpm.readClock();
        const behind = tpm.pcrRead(ALL_SHA256);
        await Promise.all([
          assert.rejects(hung, { code: 'TPM_TIMEOUT', command: 'TPM2_ReadClock', rc: 0 }),
          assert.rejects(behind, { code: 'TPM_UNAVAILABLE', command: 'TPM2_PCR_Read' }),
        ]);
      });
      // A timer may ring a millisecond early.
      assert.ok(tookMs > TIMEOUT_MS - 10 && tookMs < TIMEOUT_MS + SLACK_MS, `${tookMs} ms`);
    });
    // Spent for good, though the TPM answers again; a new one is needed.
    await assert.rejects(tpm.readClock(), { code: 'TPM_UNAVAILABLE' });
    const anew = await openTpm({ tcti: swtpm.tcti });
    await anew.readClock();
    await anew.close();
  });

  it('that hangs does not hold up the event loop, files, or cryptography', async () => {
    await stopped(async () => {
      let turns = 0;
      const turning = setInterval(() => turns++, 20);
      await assert.rejects(tpm.readClock(), { code: 'TPM_TIMEOUT' });
      clearInterval(turning);
      assert.ok(turns >= 3, `the event loop turned ${turns} times in ${TIMEOUT_MS} ms`);
      // Over and over, as an agent would: libuv has four threads, and each must come back.
      for (let count = 0; count < 6; count++) {
        const again = openTpm({ tcti: swtpm.tcti, commandTimeoutMs: 50 });
        await assert.rejects(again, (error: { code: string }) =>
          ['TPM_TIMEOUT', 'TPM_UNAVAILABLE'].includes(error.code),
        );
      }
      const tookMs = await timed(async () => {
        await Promise.all(Array.from({ length: 8 }, () => readFile(import.meta.filename)));
      });
      assert.ok(tookMs < SLACK_MS, `${tookMs} ms`);
    });
  });

  it('that hangs can still be closed, in time', async () => {
    await stopped(async () => {
      const tookMs = await timed(() => tpm.close());
      assert.ok(tookMs < TIMEOUT_MS + SLACK_MS, `${tookMs} ms`);
    });
  });

  it('that hangs while objects are held: close gives up on flushing them', async () => {
    const ek = await tpm.openPersistent(EK_HANDLE);
    await tpm.startHmacSession({ saltKey: ek });
    await stopped(async () => {
      const tookMs = await timed(() => tpm.close());
      assert.ok(tookMs < TIMEOUT_MS + SLACK_MS, `${tookMs} ms`);
    });
  });

  it('that is killed: TPM_UNAVAILABLE, at once and from then on', async () => {
    await tpm.readClock();
    process.kill(swtpm.pid, 'SIGKILL');
    await assert.rejects(tpm.readClock(), { code: 'TPM_UNAVAILABLE', command: 'TPM2_ReadClock' });
    await swtpm.restart();
    await assert.rejects(tpm.readClock(), { code: 'TPM_UNAVAILABLE' });
  });

  it('that is not there: TPM_ABSENT, quickly', async () => {
    for (const tcti of [
      `swtpm:path=${join(tmpdir(), 'ts-no-such-socket')}`,
      'device:/dev/ts-no-such-tpm',
    ]) {
      const tookMs = await timed(() =>
        assert.rejects(openTpm({ tcti }), { name: 'TpmError', code: 'TPM_ABSENT' }),
      );
      assert.ok(tookMs < SLACK_MS, `${tookMs} ms`);
    }
  });

  it('is not looked for by the name of a shared object: TPM_MISUSE', async () => {
    for (const tcti of [
      '',
      'swtpm',
      'libfoo.so:x',
      './evil.so',
      'mssim:host=x',
      'swtpm:path=a\0b',
    ]) {
      await assert.rejects(openTpm({ tcti }), { code: 'TPM_MISUSE' });
    }
    const refused = openTpm({ tcti: swtpm.tcti, commandTimeoutMs: 0 });
    await assert.rejects(refused, { code: 'TPM_MISUSE' });
  });

  it('because it was closed: TPM_CLOSED', async () => {
    await tpm.close();
    await tpm.close();
    await assert.rejects(tpm.readClock(), { code: 'TPM_CLOSED', command: 'TPM2_ReadClock' });
  });
});

async function timed(use: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await use();
  return performance.now() - start;
}
