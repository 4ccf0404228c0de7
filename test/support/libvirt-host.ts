import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { domainXml, type Guest } from './libvirt-domain.ts';

const READY_TIMEOUT_MS = 60_000;
const VIRSH_TIMEOUT_MS = 60_000;

export type Said = {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

/**
 * A hypervisor of its own: libvirtd and QEMU in a private mount and UTS namespace, with their own /etc/libvirt,
 * /var/lib/libvirt, /run/libvirt and log. The machine's own libvirt is not touched, and several stand side by side.
 * PIDs and the network are the machine's. It takes root.
 */
export interface LibvirtHost {
  readonly name: string;
  readonly directory: string;
  /** Where its directories lie for those outside: /etc/libvirt, /var/lib/libvirt, /run/libvirt, /var/log/libvirt. */
  readonly etc: string;
  readonly lib: string;
  readonly run: string;
  readonly log: string;
  /** Words to put in front of a command, so that it runs inside; its PID is that of the child. */
  readonly within: readonly string[];
  readonly libvirtdPid: number | undefined;
  /** To its end, and never rejected for its exit code. */
  exec(command: readonly string[], options?: ExecOptions): Promise<Said>;
  virsh(...args: readonly string[]): Promise<Said>;
  /** The same, where it has to go well. Gives stdout, without its end of line. */
  did(...args: readonly string[]): Promise<string>;
  /** `virsh define`. Gives the domain's UUID. */
  define(guest: Guest): Promise<string>;
  /** As `virsh domstate` says it: `running`, `paused`, `shut off`; `gone` where there is no such domain. */
  stateOf(domain: string): Promise<string>;
  /** Of the domain's QEMU, null where there is none. */
  qemuPid(name: string): number | null;
  /** Every process that runs inside. */
  processes(): readonly number[];
  startLibvirtd(): Promise<void>;
  stopLibvirtd(signal?: NodeJS.Signals): Promise<void>;
  /** SIGHUP: it reads its configuration again, and sees whether there are hooks. */
  reloadLibvirtd(): Promise<void>;
  /** Ends everything inside, removes all of it. */
  stop(): Promise<void>;
}

type ExecOptions = {
  readonly timeoutMs?: number;
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
};

export type LibvirtHostOptions = {
  readonly name?: string;
  /** Lines that are added to libvirtd.conf and qemu.conf. */
  readonly libvirtdConf?: string;
  readonly qemuConf?: string;
  /** Further arguments of libvirtd. */
  readonly libvirtdArgs?: readonly string[];
};

export async function startLibvirtHost(options: LibvirtHostOptions = {}): Promise<LibvirtHost> {
  const { name = `h${randomUUID().slice(0, 8)}` } = options;
  const directory = await mkdtemp(join(tmpdir(), 'ts-lv-'));
  await chmod(directory, 0o755);
  const [etc, lib, run, log] = ['etc', 'lib', 'run', 'log'].map((part) =>
    join(directory, part),
  ) as [string, string, string, string];
  for (const path of [etc, lib, run, log, join(directory, 'localca')]) await mkdir(path);
  await writeFile(
    join(etc, 'libvirtd.conf'),
    `${LIBVIRTD_CONF}host_uuid = "${randomUUID()}"\n${options.libvirtdConf ?? ''}`,
  );
  await writeFile(join(etc, 'qemu.conf'), `${QEMU_CONF}${options.qemuConf ?? ''}`);
  await writeFile(join(etc, MARK), name);
  for (const part of ['hooks', 'tls']) await mkdir(join(etc, part));
  await writeFile(join(etc, 'hooks/daemon'), DAEMON_HOOK, { mode: 0o755 });

  const unshare = ['--mount', '--propagation=unchanged', '--uts', 'sh', '-c', HOLD, 'hold'];
  const holder = spawn('unshare', [...unshare, directory, name], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let held = '';
  holder.stderr.on('data', (chunk: Buffer) => (held += chunk.toString()));
  const target = holder.pid ?? 0;
  // The namespace's root is not the holder's where the machine is a directory (chroot).
  const within = ['nsenter', '--mount', '--root', '--wd', '--uts', `--target=${target}`, '--'];
  let namespace = '';
  let libvirtd: ChildProcess | null = null;

  const processes = () => (namespace === '' ? [] : processesIn(namespace));
  // The holder is spared: it notices that this process is gone, and clears away.
  const killAll = () => {
    for (const pid of processes()) if (pid !== target) kill(pid);
  };
  process.once('exit', killAll);

  const exec: LibvirtHost['exec'] = async (
    command,
    { timeoutMs = VIRSH_TIMEOUT_MS, input = '', environment = {} } = {},
  ) => {
    const [program = '', ...args] = [...within, ...command];
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      env: { PATH: SYSTEM_PATH, LC_ALL: 'C', ...environment },
    });
    child.stdin.on('error', () => {}).end(input);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [exitCode] = (await once(child, 'close')) as [number | null];
    return { exitCode, stdout, stderr };
  };
  const virsh: LibvirtHost['virsh'] = (...args) =>
    exec(['virsh', '-q', '-c', 'qemu:///system', ...args]);
  const did: LibvirtHost['did'] = async (...args) => {
    const { exitCode, stdout, stderr } = await virsh(...args);
    if (exitCode !== 0) throw new Error(`${name}: virsh ${args.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  };

  const stopLibvirtd: LibvirtHost['stopLibvirtd'] = async (signal = 'SIGTERM') => {
    const child = libvirtd;
    libvirtd = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const over = once(child, 'exit');
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await over;
    clearTimeout(late);
  };

  const startLibvirtd: LibvirtHost['startLibvirtd'] = async () => {
    await rm(join(run, 'libvirt-sock'), { force: true });
    const [program = '', ...args] = [
      ...within,
      'libvirtd',
      '--pid-file',
      '/run/libvirt/libvirtd.pid',
      ...(options.libvirtdArgs ?? []),
    ];
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: SYSTEM_PATH, LC_ALL: 'C' },
    });
    child.stderr.pipe(createWriteStream(join(log, 'libvirtd.log'), { flags: 'a' }));
    libvirtd = child;
    const deadline = Date.now() + READY_TIMEOUT_MS;
    while (!existsSync(join(run, 'libvirt-sock')) || (await virsh('version')).exitCode !== 0) {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error(
          `${name}: libvirtd does not answer:\n${await readFile(join(log, 'libvirtd.log'), 'utf8')}`,
        );
      await sleep(20);
    }
  };

  const qemuPid: LibvirtHost['qemuPid'] = (domain) => {
    try {
      const pid = Number(readFileSync(join(run, 'qemu', `${domain}.pid`), 'utf8'));
      return pid > 1 && processes().includes(pid) ? pid : null;
    } catch {
      return null;
    }
  };

  const stop = async () => {
    // libvirtd first: it would tidy up after each QEMU that ends, and start the hook.
    await stopLibvirtd('SIGKILL');
    for (const deadline = Date.now() + 10_000; processes().length > 1 && Date.now() < deadline;) {
      killAll();
      await sleep(10);
    }
    process.off('exit', killAll);
    const over = once(holder, 'exit');
    if (holder.kill('SIGKILL')) await over;
    await rm(directory, { recursive: true, force: true });
  };

  try {
    const ready = once(createInterface({ input: holder.stdout }), 'line').then(
      ([line]) => line as string,
    );
    const over = once(holder, 'close').then(() => '');
    if ((await Promise.race([ready, over])) !== 'ready')
      throw new Error(`${name}: no namespace: ${held}`);
    namespace = readlinkSync(`/proc/${target}/ns/mnt`);
    if (namespace === readlinkSync('/proc/self/ns/mnt'))
      throw new Error(`${name}: no namespace of its own`);
    if (existsSync(`/etc/libvirt/${MARK}`)) {
      spawnSync('umount', MOUNTED);
      throw new Error(`${name}: its mounts are the machine's`);
    }
    await startLibvirtd();
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    ...{ name, directory, etc, lib, run, log, within },
    get libvirtdPid() {
      return libvirtd?.pid;
    },
    exec,
    virsh,
    did,
    define: async (guest) => {
      const uuid = guest.uuid ?? randomUUID();
      const file = join(directory, `${guest.name}.xml`);
      await writeFile(file, domainXml({ ...guest, uuid }));
      await did('define', file);
      return uuid;
    },
    stateOf: async (domain) => {
      const { exitCode, stdout } = await virsh('domstate', domain);
      return exitCode === 0 ? stdout.trim() : 'gone';
    },
    qemuPid,
    processes,
    startLibvirtd,
    stopLibvirtd,
    reloadLibvirtd: async () => {
      const reloads = () => readFile(join(run, 'reloads'), 'utf8').catch(() => '');
      const before = await reloads();
      if (libvirtd?.kill('SIGHUP') !== true) throw new Error(`${name}: no libvirtd`);
      for (const deadline = Date.now() + READY_TIMEOUT_MS; (await reloads()) === before;) {
        if (Date.now() > deadline) throw new Error(`${name}: libvirtd does not reload`);
        await sleep(10);
      }
    },
    stop,
  };
}

/** A file that is seen inside alone. */
const MARK = 'of-a-test';
const MOUNTED = [
  ...['/etc/libvirt', '/var/lib/libvirt', '/run/libvirt', '/var/log/libvirt'],
  '/var/lib/swtpm-localca',
];

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Holds the namespaces until its standard input ends, as it does when the test that made it dies in whatever way; then
 * it ends everything that lives in them.
 */
const HOLD = `
set -e
# In a directory (chroot) there is nothing to make private: whether that was needed is looked at from outside.
mount --make-rprivate / 2>/dev/null || true
mkdir -p ${MOUNTED.join(' ')}
mount --bind "$1/etc" /etc/libvirt
mount --bind "$1/lib" /var/lib/libvirt
mount --bind "$1/run" /run/libvirt
mount --bind "$1/log" /var/log/libvirt
mount --bind "$1/localca" /var/lib/swtpm-localca
hostname "$2"
echo ready
set +e
read -r nothing
mine=$(readlink /proc/$$/ns/mnt)
for process in /proc/[0-9]*; do
  [ "$(readlink "$process/ns/mnt")" = "$mine" ] || continue
  [ "\${process#/proc/}" = $$ ] || kill -9 "\${process#/proc/}"
done
rm -rf "$1"
`;

/** libvirtd calls it after it has looked for hooks again. */
const DAEMON_HOOK = `#!/bin/sh
[ "$2" != reload ] || echo reload >>/run/libvirt/reloads
`;

/** Nobody but root gets in, nothing of the machine's is asked: no polkit, no cgroups, no security driver, no virtlogd. */
const LIBVIRTD_CONF = `
unix_sock_group = "root"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
`;
const QEMU_CONF = `
user = "root"
group = "root"
swtpm_user = "root"
swtpm_group = "root"
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
remember_owner = 0
stdio_handler = "file"
`;

/** By their mount namespace, which nothing that they start leaves. */
function processesIn(namespace: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid)) return [];
    try {
      return readlinkSync(`/proc/${pid}/ns/mnt`) === namespace ? [pid] : [];
    } catch {
      return [];
    }
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
