import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, existsSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Swtpm } from './swtpm.ts';

/** A software TPM behind a device, as tpm2-tss's device TCTI uses a chip: open, write a command, poll, read. */
export interface TpmDevice {
  /** A directory like /dev, which holds nothing else. */
  readonly devices: string;
  readonly path: string;
  stop(): Promise<void>;
}

/**
 * There is no chip and no vtpm_proxy on a machine of tests. A terminal in raw mode hands each command and each
 * answer over in one piece, as the kernel's driver does; it has no resource manager.
 */
export async function startTpmDevice(
  { socketPath }: Swtpm,
  /** A directory of the caller's: it stays. */
  given?: string,
): Promise<TpmDevice> {
  const devices = given ?? (await mkdtemp(join(tmpdir(), 'ts-dev-')));
  const remove = () =>
    given === undefined ? rm(devices, { recursive: true }) : rm(path, { force: true });
  const path = join(devices, 'tpmrm0');
  const relay = spawn('socat', [`PTY,rawer,link=${path}`, `UNIX-CONNECT:${socketPath}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(relay, 'exit');
  const killAtExit = () => relay.kill('SIGKILL');
  process.once('exit', killAtExit);
  try {
    const deadline = Date.now() + 10_000;
    while (!existsSync(path)) {
      if (relay.exitCode !== null || Date.now() > deadline)
        throw new Error('socat made no terminal');
      await sleep(5);
    }
    // While one descriptor is open the terminal does not hang up between one client and the next.
    const held = await open(path, constants.O_RDWR | constants.O_NOCTTY);
    return {
      devices,
      path,
      stop: async () => {
        await held.close();
        relay.kill();
        await ended;
        process.off('exit', killAtExit);
        await remove();
      },
    };
  } catch (error) {
    relay.kill();
    await remove();
    throw error;
  }
}
