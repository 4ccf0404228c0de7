import { resolve } from 'node:path';
import { lockState } from './state/lock.ts';
import { ensureStateDirectory } from './state/state-directory.ts';
import type { AgentSurroundings } from './surroundings.ts';
import type { Attester } from './tpm/attester.ts';

/**
 * The state directory, locked, and the TPM that lies in it. What only these commands need is loaded
 * here: a VM that starts does not wait for it.
 */
export async function withState<T>(
  surroundings: AgentSurroundings,
  state: string,
  work: (stateDir: string, attester: Attester) => Promise<T>,
): Promise<T> {
  const stateDir = resolve(surroundings.workingDirectory, state);
  // What swtpm's own tools write there is the owner's alone as well.
  process.umask(0o077);
  await ensureStateDirectory(stateDir);
  const lock = await lockState(stateDir);
  try {
    const { readConfig } = await import('./config.ts');
    const { Attester } = await import('./tpm/attester.ts');
    const { measure } = await readConfig(stateDir, surroundings.agentFiles);
    const attester = new Attester(stateDir, measure);
    return await work(stateDir, attester).finally(() => attester.close());
  } finally {
    await lock.release();
  }
}
