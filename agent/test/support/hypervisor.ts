import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A state directory of an agent, and the software TPM that the agent starts in it. */
export type Hypervisor = {
  readonly stateDir: string;
  /** As a power cut: the software TPM's process is gone when this returns. */
  powerOff(): Promise<void>;
  remove(): Promise<void>;
};

export async function makeHypervisor(): Promise<Hypervisor> {
  const stateDir = await mkdtemp(join(tmpdir(), 'ts-agent-'));
  const powerOff = async () => {
    const socket = join(stateDir, 'swtpm', 'socket');
    const pid = Number(await readFile(join(stateDir, 'swtpm', 'pid'), 'utf8').catch(() => ''));
    if (!(pid > 1) || !(await answers(socket))) return;
    process.kill(pid, 'SIGKILL');
    while (await answers(socket)) await sleep(10);
  };
  return {
    stateDir,
    powerOff,
    remove: async () => {
      await powerOff();
      await rm(stateDir, { recursive: true });
    },
  };
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
