import { execFile } from 'node:child_process';
import { chmod, chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { type Listening, listenUnix } from '@touchstone/transport';
import type { Logger } from 'pino';
import { programEdge, type ProgramAnswers } from './routes.ts';
import type { ProgramSettings } from './settings.ts';

/** Of one program, at once. */
const MAX_CONNECTIONS = 16;

/**
 * One socket for each program, which is its user's alone, in a directory that all may pass through and nobody list. A
 * program whose socket cannot be made has none, and is told of in the log: VMs start all the same.
 */
export async function openProgramSockets(options: {
  readonly directory: string;
  readonly programs: readonly ProgramSettings[];
  readonly answers: ProgramAnswers;
  readonly log: Logger;
}): Promise<{ close(): Promise<void> }> {
  const { directory, programs, answers, log } = options;
  const open: Listening[] = [];
  for (const program of programs) {
    try {
      open.push(await openOne(directory, program, answers, log));
      log.info({ program: program.name, user: program.user }, 'a program may ask for proofs');
    } catch (err) {
      log.error({ err, program: program.name }, 'a program has no socket');
    }
  }
  return {
    close: async () => {
      await Promise.all(open.map((socket) => socket.close()));
    },
  };
}

async function openOne(
  directory: string,
  { name, user }: ProgramSettings,
  answers: ProgramAnswers,
  log: Logger,
): Promise<Listening> {
  const { uid, gid } = await idsOf(user);
  await mkdir(directory, { recursive: true, mode: 0o711 });
  // Whatever the umask was.
  await chmod(directory, 0o711);
  const path = join(directory, `${name}.sock`);
  const socket = await listenUnix(programEdge(name, answers, log), {
    path,
    mode: 0o600,
    maxConnections: MAX_CONNECTIONS,
  });
  try {
    if (uid !== process.geteuid?.()) await chown(path, uid, gid);
    return socket;
  } catch (error) {
    await socket.close();
    throw error;
  }
}

async function idsOf(user: string): Promise<{ readonly uid: number; readonly gid: number }> {
  const { stdout } = await promisify(execFile)('getent', ['passwd', '--', user]);
  const [, , uid = '', gid = ''] = stdout.trim().split(':');
  if (!/^[0-9]{1,10}$/u.test(uid) || !/^[0-9]{1,10}$/u.test(gid)) throw new Error(`user ${user}`);
  return { uid: Number(uid), gid: Number(gid) };
}
