import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { agentError } from '../codes.ts';

const CONFLICT = 75;

/**
 * Holds the state directory against a second agent. A lock of flock(2) belongs to the open file: taken
 * by util-linux's flock on our descriptor, it is ours once that has ended, and ends with this process
 * however it ends. No other child inherits the descriptor.
 * @throws AppError STATE_LOCKED, STATE_MALFORMED where there can be no lock
 */
export async function lockState(stateDir: string): Promise<{ release(): Promise<void> }> {
  const path = join(stateDir, 'lock');
  const file = await open(path, 'a', 0o600);
  try {
    const flock = spawn(
      'flock',
      ['--exclusive', '--nonblock', '--conflict-exit-code', String(CONFLICT), '3'],
      { stdio: ['ignore', 'ignore', 'ignore', file.fd] },
    );
    const [code] = (await once(flock, 'exit')) as [number | null];
    if (code === CONFLICT) throw agentError('STATE_LOCKED', { detail: path });
    if (code !== 0)
      throw agentError('STATE_MALFORMED', { detail: `${path}: flock ended with ${code}` });
  } catch (error) {
    await file.close();
    throw error;
  }
  return { release: () => file.close() };
}
