import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where the software TPM of a state directory listens for commands; its control channel lies beside it. */
export const softwareTpmSocket = (stateDir: string): string => join(stateDir, 'swtpm', 'socket');

/** CMD_GET_CAPABILITY: swtpm_ioctls(3). */
const GET_CAPABILITY = Buffer.from([0, 0, 0, 1]);

/** swtpm answers once it has finished the command that it is at, such as making an RSA key. */
const ANSWER_TIMEOUT_MS = 5_000;
/** One that has just gone on clears its queue at once. */
const QUEUE_TIMEOUT_MS = 1_000;
const PAUSE_MS = 10;

export type Health = 'answers' | 'hangs' | 'absent';

/**
 * Asks swtpm's main loop, at the control channel: the other one is for one client at a time, and keeps two waiting
 * even for a process that is stopped. `absent` only where nobody listens: a second swtpm in the place of one that
 * hangs would take its socket away for good.
 */
export async function softwareTpmHealth(socketPath: string): Promise<Health> {
  const asked = performance.now();
  for (;;) {
    const outcome = await ask(`${socketPath}.ctrl`);
    if (outcome === 'answers' || outcome === 'hangs' || outcome === 'absent') return outcome;
    // Hung up on: it is about to end, or has ended, and the next connection tells.
    const patienceMs = outcome === 'queue full' ? QUEUE_TIMEOUT_MS : ANSWER_TIMEOUT_MS;
    if (performance.now() - asked > patienceMs) return 'hangs';
    await sleep(PAUSE_MS);
  }
}

type Outcome = Health | 'hung up' | 'queue full';

function ask(path: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (outcome: Outcome) => {
      clearTimeout(late);
      socket.destroy();
      resolve(outcome);
    };
    const late = setTimeout(() => settle('hangs'), ANSWER_TIMEOUT_MS);
    socket.once('connect', () => socket.write(GET_CAPABILITY));
    socket.once('data', () => settle('answers'));
    socket.once('end', () => settle('hung up'));
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ENOENT' || code === 'ECONNREFUSED') settle('absent');
      else settle(code === 'EAGAIN' ? 'queue full' : 'hung up');
    });
  });
}
