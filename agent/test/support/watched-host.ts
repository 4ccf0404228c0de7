import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { checkAgainst, GateReport } from '@touchstone/schemas';
import { bootId, KeptRecord } from '../../watch/record.ts';
import { WATCH_SETTINGS } from '../../watch/settings.ts';
import type { PermittedStart } from '../../watch/starts-of-boot.ts';
import { Watch, type WatchOptions } from '../../watch/watch.ts';

const HOOK = '#!/bin/sh\nexit 0\n';
export const BROUGHT = { sha256: createHash('sha256').update(HOOK).digest('hex') };
/** The name of a program that is looked for. */
export const QEMU = 'qemu-system-x86_64';

/** As the gate permitted it. */
export const permittedStart = (of: Partial<PermittedStart>): PermittedStart => ({
  vm: randomUUID(),
  name: null,
  door: 'run',
  permit: randomUUID(),
  requestId: randomUUID(),
  ...of,
});

/** Real processes in the real /proc, under the names of those that are looked for; libvirt's files are the test's. */
export class WatchedHost {
  readonly directory: string;
  watch!: Watch;
  /** How often there was something new to report. */
  news = 0;
  readonly #children: ChildProcess[] = [];

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async make(): Promise<WatchedHost> {
    const directory = await mkdtemp(join(tmpdir(), 'ts-watch-'));
    for (const path of ['etc/hooks/qemu.d', 'run/qemu']) {
      await mkdir(join(directory, path), { recursive: true });
    }
    const host = new WatchedHost(directory);
    await host.installHook();
    await host.restart();
    return host;
  }

  async remove(): Promise<void> {
    await Promise.all(this.#children.map((child) => this.end(child)));
    await rm(this.directory, { recursive: true });
  }

  /** The watch of an agent that starts now. */
  async restart(
    options: Partial<WatchOptions> = {},
    { processes = WATCH_SETTINGS.processes } = {},
  ): Promise<void> {
    this.watch = new Watch({
      roots: {
        ...WATCH_SETTINGS,
        processes,
        libvirtConfiguration: join(this.directory, 'etc'),
        libvirtState: join(this.directory, 'run'),
        kvm: join(this.directory, 'kvm'),
      },
      record: await KeptRecord.open(this.directory, bootId()),
      brought: BROUGHT,
      log: pino({ level: 'silent' }),
      onNews: () => void (this.news += 1),
      settlingMs: 0,
      ...options,
    });
  }

  get hookPath(): string {
    return join(this.directory, 'etc/hooks/qemu.d/touchstone');
  }

  async installHook(text = HOOK, mode = 0o755): Promise<void> {
    await rm(this.hookPath, { force: true });
    await writeFile(this.hookPath, text);
    await chmod(this.hookPath, mode);
  }

  /** A shell that waits, under that name and with those arguments. */
  async run(name: string, ...args: readonly string[]): Promise<ChildProcess> {
    const path = join(this.directory, name);
    await copyFile('/bin/sh', path);
    return this.spawned(path, '-c', 'read line', ...args);
  }

  /** Ended with the host. */
  async spawned(path: string, ...args: readonly string[]): Promise<ChildProcess> {
    const child = this.owns(spawn(path, args, { stdio: ['pipe', 'ignore', 'ignore'] }));
    await once(child, 'spawn');
    return child;
  }

  owns<T extends ChildProcess>(child: T): T {
    this.#children.push(child);
    return child;
  }

  async end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const over = once(child, 'exit');
    child.kill('SIGKILL');
    await over;
  }

  /** As libvirtd writes it down, with what libvirt escapes. */
  writeDomain(name: string, uuid: string, pid: number, state = 'running'): Promise<void> {
    return writeFile(
      join(this.directory, 'run/qemu', `${name}.xml`),
      `<domstatus state='${state}' reason='booted' pid='${pid}'>\n  <taint flag='high-privileges'/>\n` +
        `  <domain type='kvm' id='1'>\n    <name>${name}</name>\n    <uuid>${uuid}</uuid>\n  </domain>\n</domstatus>\n`,
    );
  }

  /** Where there is nothing to tell, nothing is reported. */
  async report(): Promise<GateReport> {
    await this.watch.look();
    const nothing: GateReport = { running: [], exposures: [], decided: [], omitted: 0 };
    return checkAgainst(GateReport, this.watch.report([]) ?? nothing);
  }

  /** Of these processes: others of the machine are none of the test's. */
  async codesOf(vm: string | null, ...pids: (number | undefined)[]): Promise<string[]> {
    const { exposures } = await this.report();
    const isOurs = (each: (typeof exposures)[number]) =>
      (vm !== null && each.vm === vm) || pids.some((pid) => each.subject.endsWith(` ${pid}`));
    return exposures.filter(isOurs).map(({ code }) => code);
  }
}
