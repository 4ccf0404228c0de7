import { spawn, spawnSync } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

/**
 * Starts the issuance as a child, with one end of a socket pair at descriptor 3. It ends when this process does, or
 * lets go of the other end.
 */
export function startChild(configFile: string, log: Logger): Duplex {
  const [command = process.execPath, ...args] = [
    ...withoutNetwork(),
    ...[process.execPath, MAIN, 'issuance', '--inherited', '--config', configFile],
  ];
  // It logs by itself, where this process does.
  const stderr = log.level === 'silent' ? 'ignore' : 'inherit';
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', stderr, 'pipe'] });
  const stream = child.stdio[3] as Duplex;
  child.once('error', (error) => stream.destroy(error));
  child.once('exit', () => stream.destroy());
  child.unref();
  return stream;
}

let wrapper: readonly string[] | undefined;

/**
 * unshare(1) with a network namespace of its own, in which there is no network: as root, or else in a user namespace.
 * Nothing where the system allows neither: then the issuance finds, and says, that it has a network.
 */
function withoutNetwork(): readonly string[] {
  const ways = [
    ['unshare', '--net', '--'],
    ['unshare', '--user', '--map-current-user', '--net', '--'],
  ];
  wrapper ??=
    ways.find(([command = '', ...args]) => {
      return spawnSync(command, [...args, 'true'], { stdio: 'ignore' }).status === 0;
    }) ?? [];
  return wrapper;
}
