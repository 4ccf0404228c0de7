import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hash, TPM_ALG_SHA256 } from '@touchstone/tpm';
import type { Tpm } from 'node-tpm2-tss-bindings';
import type { Measurement } from '../config.ts';
import { writeWhole } from '../state/state-file.ts';
import { measureSoftware, softwareLogOf } from './software-log.ts';

/** One log a boot of the software TPM, by its resetCount: a log of an earlier boot is never taken for this one's. */
const logPath = (stateDir: string, resetCount: number): string =>
  join(stateDir, `boot-log-${resetCount}.bin`);

/**
 * Measures once a boot. The log is on disk before the first extend: a crash in between leaves a log
 * that does not replay, which the verifier refuses, and never PCRs that nobody can explain.
 */
export async function measureBoot(
  tpm: Tpm,
  stateDir: string,
  list: readonly Measurement[],
): Promise<void> {
  const { resetCount } = await tpm.readClock();
  if ((await readBootLog(stateDir, resetCount)) !== null) return;
  const events = await measureSoftware(list);
  await writeWhole(logPath(stateDir, resetCount), softwareLogOf(events));
  for (const { pcr, data } of events) {
    await tpm.pcrExtend(pcr, [{ alg: TPM_ALG_SHA256, digest: hash('sha256', data) }]);
  }
}

/** The log of the boot with that resetCount; null where this agent measured none. */
export async function readBootLog(
  stateDir: string,
  resetCount: number,
): Promise<Uint8Array | null> {
  try {
    return await readFile(logPath(stateDir, resetCount));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}

/** When this agent measured the boot with that resetCount, by the file system's clock; Infinity where it did not. */
export async function measuredAtMs(stateDir: string, resetCount: number): Promise<number> {
  try {
    return (await stat(logPath(stateDir, resetCount))).mtimeMs;
  } catch {
    return Infinity;
  }
}
