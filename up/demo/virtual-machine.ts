import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BIN, type Outcome } from './bins.ts';
import { bootSector, GREETING } from './boot-sector.ts';

const BOOT_TIMEOUT_MS = 30_000;

export type Start = Outcome & {
  /** What came over the serial port. */
  readonly serial: string;
  readonly ran: boolean;
  /** QEMU processes on the VM's disk while it was looked at. */
  readonly processes: readonly number[];
};

/** A VM of one boot sector, started through the gate as a script would start it. */
export class VirtualMachine {
  readonly uuid = randomUUID();
  readonly #disk: string;
  readonly #serial: string;

  constructor(directory: string) {
    this.#disk = join(directory, 'vm-disk.img');
    this.#serial = join(directory, 'vm-serial.log');
  }

  async prepare(): Promise<void> {
    await writeFile(this.#disk, bootSector());
  }

  get command(): readonly string[] {
    return [
      ...['qemu-system-x86_64', '-accel', 'tcg', '-m', '16', '-display', 'none', '-nodefaults'],
      ...['-no-reboot', '-drive', `file=${this.#disk},format=raw,if=ide,snapshot=on`],
      ...['-serial', `file:${this.#serial}`],
    ];
  }

  /** `touchstone-agent run --vm UUID -- qemu…`, until it has printed its line or was refused. */
  async start(stateDir: string): Promise<Start> {
    await rm(this.#serial, { force: true });
    const child = spawn(
      process.execPath,
      [BIN.agent, 'run', '--state', stateDir, '--vm', this.uuid, '--', ...this.command],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    let exitCode: number | null = null;
    const closed = once(child, 'close').then(([code]) => {
      exitCode = (code as number | null) ?? 128;
    });
    const seen = new Set<number>();
    let serial = '';
    for (let waited = 0; waited < BOOT_TIMEOUT_MS && exitCode === null; waited += 50) {
      for (const pid of await this.processes()) seen.add(pid);
      serial = await this.#readSerial();
      if (serial.includes(GREETING)) break;
      await sleep(50);
    }
    if (exitCode === null) child.kill('SIGTERM');
    await closed;
    serial = await this.#readSerial();
    const ran = serial.includes(GREETING);
    return { exitCode: exitCode ?? 128, stdout, stderr, serial, ran, processes: [...seen] };
  }

  /** Processes that are QEMU on this disk, by /proc: nobody's word is taken for it. */
  async processes(): Promise<number[]> {
    const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/u.test(name));
    const found = await Promise.all(
      pids.map(async (pid) => {
        const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        const program = words.split('\0')[0] ?? '';
        return /(?:^|\/)qemu-system-[^/]*$/u.test(program) && words.includes(this.#disk);
      }),
    );
    return pids.filter((_, index) => found[index]).map(Number);
  }

  #readSerial(): Promise<string> {
    return readFile(this.#serial, 'utf8').catch(() => '');
  }
}
