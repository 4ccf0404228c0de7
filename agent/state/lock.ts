import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { agentError } from '../codes.ts';

const LOCKED = 75;

/**
 * Holds the state directory against a second agent. util-linux's flock keeps the lock for as long as
 * the pipe to it is open, so the lock ends with this process however it ends.
 * @throws AppError STATE_LOCKED
 */
export async function lockState(stateDir: string): Promise<{ release(): Promise<void> }> {
  const file = join(stateDir, 'lock');
  const holder = spawn(
    'flock',
    [
      '--exclusive',
      '--nonblock',
      '--conflict-exit-code',
      String(LOCKED),
      file,
      'sh',
      '-c',
      'echo held; exec cat >/dev/null',
    ],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  );
  const ended = once(holder, 'exit');
  const held = once(holder.stdout, 'data').then(() => 'held' as const);
  if ((await Promise.race([held, ended])) !== 'held') {
    throw agentError('STATE_LOCKED', { detail: file });
  }
  return {
    release: async () => {
      holder.stdin.end();
      await ended;
    },
  };
}
