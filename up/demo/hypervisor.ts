import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startRoom } from '../child.ts';
import { UpError } from '../failure.ts';
import { BIN } from './bins.ts';

/**
 * The demonstration's hypervisor: a state directory with a software TPM, the agent, and one measured
 * file that an administrator might change.
 */
export class Hypervisor {
  readonly stateDir: string;
  readonly configuration: string;
  readonly #logFile: string;
  #agent: Child | null = null;

  constructor(directory: string) {
    this.stateDir = join(directory, 'host');
    this.configuration = join(directory, 'hypervisor.conf');
    this.#logFile = join(directory, 'agent.log');
  }

  async prepare(): Promise<void> {
    await writeFile(this.configuration, 'allow-nested-vms = no\n');
    await writeFile(
      join(this.stateDir, 'agent.yaml'),
      `# What this host's software TPM measures beside the kernel and the agent itself.\n` +
        `measure:\n  - { pcr: 13, file: ${this.configuration} }\n`,
    );
  }

  async startAgent(): Promise<void> {
    const command = [process.execPath, BIN.agent, 'daemon', '--state', this.stateDir] as const;
    const { child } = await startRoom({
      name: 'the agent',
      command: [...command],
      logFile: this.#logFile,
    });
    this.#agent = child;
  }

  async stopAgent(): Promise<void> {
    await this.#agent?.stop();
    this.#agent = null;
  }

  get agentPid(): number | null {
    return this.#agent?.pid ?? null;
  }

  /** As a power cut: the software TPM's process ends and its PCRs are gone. */
  async powerOff(): Promise<void> {
    await this.stopAgent();
    const pid = Number(await readFile(join(this.stateDir, 'swtpm', 'pid'), 'utf8').catch(() => ''));
    if (!Number.isInteger(pid) || pid <= 1) return;
    process.kill(pid, 'SIGTERM');
    for (let waited = 0; waited < 5_000; waited += 20) {
      if (!isAlive(pid)) return;
      await sleep(20);
    }
    throw new UpError('DEMO_FAILED', `swtpm (${pid}) does not end`, `End process ${pid}.`);
  }

  async change(): Promise<void> {
    await writeFile(this.configuration, 'allow-nested-vms = yes\n');
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
