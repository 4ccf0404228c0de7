import { resolve } from 'node:path';
import type { EkKind } from '@touchstone/schemas';
import type { AgentConfig } from './config.ts';
import { KERNEL_IMA_LIST } from './measure/ima-list.ts';
import { lockState } from './state/lock.ts';
import { ensureStateDirectory, requireStateDirectory } from './state/state-directory.ts';
import type { AgentSurroundings } from './surroundings.ts';
import type { Attester } from './tpm/attester.ts';
import type { ChosenTpm } from './tpm/choose-tpm.ts';
import type { HostTpm } from './tpm/host-tpm.ts';

/**
 * The state directory, locked, and the TPM that lies in it. What only these commands need is loaded
 * here: a VM that starts does not wait for it. Without `choose` it is the TPM that the keys there are in, and a
 * directory that is not there is not made: its name may be mistyped.
 * @throws AppError NOT_ENROLLED, STATE_EXPOSED, STATE_LOCKED, STATE_UNREADABLE
 */
export async function withState<T>(
  surroundings: AgentSurroundings,
  state: string,
  work: (stateDir: string, attester: Attester, config: AgentConfig) => Promise<T>,
  choose?: (stateDir: string, preferredEk: EkKind | undefined) => Promise<ChosenTpm>,
): Promise<T> {
  const stateDir = resolve(surroundings.workingDirectory, state);
  // What swtpm's own tools write there is the owner's alone as well.
  process.umask(0o077);
  if (choose === undefined) await requireStateDirectory(stateDir);
  else await ensureStateDirectory(stateDir);
  const lock = await lockState(stateDir);
  try {
    const { readConfig } = await import('./config.ts');
    const { Attester } = await import('./tpm/attester.ts');
    const { tpmInUse } = await import('./tpm/choose-tpm.ts');
    const config = await readConfig(stateDir, surroundings.agentFiles);
    const { measure, ek, imaList, firmwareLog, bootImages } = config;
    const chosen = await (choose === undefined ? tpmInUse(stateDir) : choose(stateDir, ek));
    const files = { imaList: imaListOf(chosen.tpm, imaList), firmwareLog, bootImages };
    const attester = new Attester(stateDir, measure, chosen, files);
    return await work(stateDir, attester, config).finally(() => attester.close());
  } finally {
    await lock.release();
  }
}

/** The kernel extends the chip's PCR 10; a software TPM's only where somebody makes it so. */
const imaListOf = ({ kind }: HostTpm, configured: string | undefined): string | null =>
  configured ?? (kind === 'device' ? KERNEL_IMA_LIST : null);
