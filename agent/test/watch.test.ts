import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  open,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { checkAgainst, GateReport } from '@touchstone/schemas';
import { type BroughtHook, broughtHook } from '../libvirt/hook.ts';
import { hookExposures } from '../watch/hook.ts';
import { MAX_KNOWN_STARTS } from '../watch/known-starts.ts';
import { bootId, KeptRecord } from '../watch/record.ts';
import { processOf } from '../watch/processes.ts';
import { WATCH_SETTINGS } from '../watch/settings.ts';
import { type PermittedStart, Watch } from '../watch/watch.ts';

const HOOK = '#!/bin/sh\nexit 0\n';
const BROUGHT = { sha256: createHash('sha256').update(HOOK).digest('hex') };
const QEMU = 'qemu-system-x86_64';

/** Real processes in the real /proc, under the names of those that are looked for; libvirt's files are the test's. */
describe('the watch', () => {
  let directory: string;
  let watch: Watch;
  let news: number;
  let children: ChildProcess[];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-watch-'));
    for (const path of ['etc/hooks/qemu.d', 'run/qemu']) {
      await mkdir(join(directory, path), { recursive: true });
    }
    [news, children] = [0, []];
    await installHook();
    watch = await opened();
  });

  afterEach(async () => {
    await Promise.all(children.map((child) => end(child)));
    await rm(directory, { recursive: true });
  });

  const opened = async (
    brought: BroughtHook = BROUGHT,
    { processes = WATCH_SETTINGS.processes } = {},
  ): Promise<Watch> =>
    new Watch({
      roots: {
        ...WATCH_SETTINGS,
        processes,
        libvirtConfiguration: join(directory, 'etc'),
        libvirtState: join(directory, 'run'),
        kvm: join(directory, 'kvm'),
      },
      record: await KeptRecord.open(directory, bootId()),
      brought,
      log: pino({ level: 'silent' }),
      onNews: () => void (news += 1),
      settlingMs: 0,
    });

  const hookPath = () => join(directory, 'etc/hooks/qemu.d/touchstone');
  const installHook = async (text = HOOK, mode = 0o755) => {
    await rm(hookPath(), { force: true });
    await writeFile(hookPath(), text);
    await chmod(hookPath(), mode);
  };

  /** A shell that waits, under that name and with those arguments. */
  const run = async (name: string, ...args: readonly string[]): Promise<ChildProcess> => {
    const path = join(directory, name);
    await copyFile('/bin/sh', path);
    const child = spawn(path, ['-c', 'read line', ...args], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    children.push(child);
    await once(child, 'spawn');
    return child;
  };
  const end = async (child: ChildProcess) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const over = once(child, 'exit');
    child.kill('SIGKILL');
    await over;
  };
  const commandOf = ({ spawnargs }: ChildProcess) => spawnargs;

  /** As libvirtd writes it down, with what libvirt escapes. */
  const writeDomain = (name: string, uuid: string, pid: number, state = 'running') =>
    writeFile(
      join(directory, 'run/qemu', `${name}.xml`),
      `<domstatus state='${state}' reason='booted' pid='${pid}'>\n  <taint flag='high-privileges'/>\n` +
        `  <domain type='kvm' id='1'>\n    <name>${name}</name>\n    <uuid>${uuid}</uuid>\n  </domain>\n</domstatus>\n`,
    );

  /** Where there is nothing to tell, nothing is reported. */
  const report = async (): Promise<GateReport> => {
    await watch.look();
    const nothing: GateReport = { running: [], exposures: [], decided: [], omitted: 0 };
    return checkAgainst(GateReport, watch.report([]) ?? nothing);
  };
  /** Of these processes: others of the machine are none of the test's. */
  const codesOf = async (vm: string | null, ...pids: (number | undefined)[]): Promise<string[]> =>
    (await report()).exposures
      .filter(
        (each) =>
          (vm !== null && each.vm === vm) || pids.some((pid) => each.subject.endsWith(` ${pid}`)),
      )
      .map(({ code }) => code);

  const start = (of: Partial<PermittedStart>): PermittedStart => ({
    vm: randomUUID(),
    name: null,
    door: 'run',
    permit: randomUUID(),
    requestId: randomUUID(),
    ...of,
  });

  describe('of processes', () => {
    it('lists QEMU that somebody started by hand: QEMU_BY_HAND, once', async () => {
      const { pid } = await run(QEMU, '-uuid', randomUUID(), '-name', 'guest=sly\u0007,x=y');
      assert.deepEqual(await codesOf(null, pid), ['QEMU_BY_HAND']);
      const before = news;
      const { exposures, running } = await report();
      const found = exposures.find(({ subject }) => subject === `${QEMU}, process ${pid}`);
      assert.match(found?.detail ?? '', /name sly /u);
      assert.ok(
        running.some(({ vm, name, door }) => vm === null && door === null && name === 'sly'),
      );
      assert.equal(news, before);
    });

    it('lists a program of another name that has the device for VMs open', async () => {
      await writeFile(join(directory, 'kvm'), '');
      const device = await open(join(directory, 'kvm'));
      const child = spawn('/bin/sleep', ['1000'], { stdio: ['ignore', 'ignore', device.fd] });
      children.push(child);
      await device.close();
      for (let look = 0; look < 4; look += 1) {
        assert.deepEqual(await codesOf(null, child.pid), ['QEMU_BY_HAND']);
      }
      await end(child);
      assert.deepEqual(await codesOf(null, child.pid), []);
    });

    it('calls nothing by a name while it is young', async () => {
      const { pid } = await run(QEMU);
      watch = new Watch({
        ...({ roots: { ...WATCH_SETTINGS, kvm: join(directory, 'kvm') } } as const),
        record: await KeptRecord.open(directory, bootId()),
        brought: { sha256: '00'.repeat(32) },
        log: pino({ level: 'silent' }),
        onNews: () => {},
      });
      assert.deepEqual(await codesOf(null, pid), []);
    });

    it('knows the process that asked, after it became another program', async () => {
      const vm = randomUUID();
      const qemu = await run(QEMU, '--vm', vm);
      await watch.permitted(start({ vm, pid: qemu.pid ?? 0, command: ['/other'] }));
      assert.deepEqual(await codesOf(vm, qemu.pid), []);
      const { running } = await report();
      assert.equal(running.find((each) => each.vm === vm)?.door, 'run');
      await end(qemu);
      assert.ok(!(await report()).running.some((each) => each.vm === vm));
    });

    it('knows what the process that asked has started', async () => {
      const vm = randomUUID();
      const inner = join(directory, QEMU);
      await copyFile('/bin/sh', inner);
      const script = `${inner} -c 'echo $$; read line'; true`;
      const child = spawn('/bin/sh', ['-c', script, '--vm', vm], {
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      children.push(child);
      const [pid] = (await once(child.stdout, 'data')) as [Buffer];
      await watch.permitted(start({ vm, pid: child.pid ?? 0 }));
      assert.deepEqual(await codesOf(vm, Number(pid)), []);
      assert.equal((await report()).running.filter((each) => each.vm === vm).length, 1);
      child.stdin.end();
      await once(child, 'exit');
    });

    it('believes no pid of somebody who does not ask for that VM', async () => {
      const [asker, qemu] = [await run('other', '--vm', randomUUID()), await run(QEMU)];
      await watch.permitted(start({ pid: asker.pid ?? 0 }));
      await watch.permitted(start({ pid: qemu.pid ?? 0 }));
      await watch.permitted(start({ pid: 1 }));
      assert.deepEqual(await codesOf(null, qemu.pid), ['QEMU_BY_HAND']);
    });

    it('knows a command that was permitted just before, once: a systemd unit, QEMU’s -daemonize', async () => {
      const vm = randomUUID();
      const path = join(directory, QEMU);
      const args = ['-c', 'read line', '-uuid', vm];
      await watch.permitted(start({ vm, door: 'systemd', command: [path, ...args] }));
      const first = await run(QEMU, '-uuid', vm);
      assert.deepEqual(commandOf(first), [path, ...args]);
      assert.deepEqual(await codesOf(vm, first.pid), []);
      const second = spawn(path, args, { stdio: ['pipe', 'ignore', 'ignore'] });
      children.push(second);
      assert.deepEqual(await codesOf(null, second.pid), ['QEMU_BY_HAND']);
    });
  });

  describe('of a QEMU that makes itself a daemon, with sealed disks', () => {
    const added = (disk: string, at = 'format=raw,file=/dev/fd/7') => [
      '-object',
      `secret,id=touchstone-${disk},${at}`,
    ];
    const sealed = ['disk0', 'disk1'];
    /** What is said of a QEMU with these words more than were asked about. */
    const codesWith = async (of: Partial<PermittedStart>, ...more: readonly string[]) => {
      const vm = randomUUID();
      const command = [join(directory, QEMU), '-c', 'read line', '-uuid', vm];
      await watch.permitted(start({ vm, command, ...of }));
      const qemu = await run(QEMU, '-uuid', vm, ...more);
      assert.deepEqual(commandOf(qemu), [...command, ...more]);
      const codes = await codesOf(vm, qemu.pid);
      await end(qemu);
      return codes;
    };

    it('knows it by the command that was asked about, and the options that `run` added', async () => {
      const more = [...added('disk0'), ...added('disk1', 'format=raw,file=/dev/fd/12')];
      assert.deepEqual(await codesWith({ sealed }, ...more), []);
    });

    for (const [what, more] of [
      ['without them', []],
      ['with those of one disk alone', added('disk1')],
      ['with those of another disk', [...added('disk0'), ...added('disk2')]],
      ['in another order', [...added('disk1'), ...added('disk0')]],
      ['with one twice', [...added('disk0'), ...added('disk0'), ...added('disk1')]],
      ['with a file', [...added('disk0'), ...added('disk1', 'format=raw,file=/tmp/7')]],
      ['with words behind them', [...added('disk0'), ...added('disk1'), '-S']],
      ['with words before them', ['-S', ...added('disk0'), ...added('disk1')]],
    ] as const) {
      it(`does not know it ${what}: QEMU_BY_HAND`, async () => {
        assert.deepEqual(await codesWith({ sealed }, ...more), ['QEMU_BY_HAND']);
      });
    }

    it('knows nothing so where no disk was sealed, or at another door: QEMU_BY_HAND', async () => {
      const more = [...added('disk0'), ...added('disk1')];
      assert.deepEqual(await codesWith({}, ...more), ['QEMU_BY_HAND']);
      assert.deepEqual(await codesWith({ door: 'systemd', sealed }, ...more), ['QEMU_BY_HAND']);
    });
  });

  describe('of libvirt’s domains', () => {
    it('lists one that runs without a permit: VM_WITHOUT_PERMIT', async () => {
      const vm = randomUUID();
      const { pid = 0 } = await run(QEMU);
      await writeDomain('a&lt;b', vm, pid, 'paused');
      assert.deepEqual(await codesOf(vm, pid), ['VM_WITHOUT_PERMIT']);
      const { running } = await report();
      const { since: _, ...told } = running.find((each) => each.vm === vm) ?? assert.fail();
      assert.deepEqual(told, { vm, name: 'a<b', door: 'libvirt', permit: null, paused: true });
    });

    it('makes nothing of one that the gate permitted, also after the agent was restarted', async () => {
      const vm = randomUUID();
      const permit = randomUUID();
      await watch.permitted(start({ vm, name: 'web', door: 'libvirt', permit }));
      // The agent is killed before it sees the process.
      watch = await opened();
      const { pid = 0 } = await run(QEMU);
      await writeDomain('web', vm, pid);
      for (let agent = 0; agent < 2; agent += 1) {
        assert.deepEqual(await codesOf(vm, pid), []);
        assert.equal((await report()).running.find((each) => each.vm === vm)?.permit, permit);
        watch = await opened();
      }
    });

    it('takes one permit for one process', async () => {
      const vm = randomUUID();
      await watch.permitted(start({ vm, name: 'web', door: 'libvirt' }));
      const first = await run(QEMU);
      await writeDomain('web', vm, first.pid ?? 0);
      assert.deepEqual(await codesOf(vm), []);
      await end(first);
      // While the hook was away.
      const second = spawn(join(directory, QEMU), ['-c', 'read line'], { stdio: 'pipe' });
      children.push(second);
      await writeDomain('web', vm, second.pid ?? 0);
      assert.deepEqual(await codesOf(vm), ['VM_WITHOUT_PERMIT']);
    });

    it('takes no permit of a start that came to nothing', async () => {
      const vm = randomUUID();
      await watch.permitted(start({ vm, name: 'web', door: 'libvirt' }));
      await watch.heard('release end', vm);
      // While the hook was away.
      const { pid = 0 } = await run(QEMU);
      await writeDomain('web', vm, pid);
      assert.deepEqual(await codesOf(vm), ['VM_WITHOUT_PERMIT']);
    });

    it('takes no permit of a start that was refused after it', async () => {
      const vm = randomUUID();
      await watch.permitted(start({ vm, name: 'web', door: 'libvirt' }));
      await watch.refused(vm);
      const { pid = 0 } = await run(QEMU);
      await writeDomain('web', vm, pid);
      assert.deepEqual(await codesOf(vm), ['VM_WITHOUT_PERMIT']);
    });

    it('calls nothing by a name that ends while it looks', async () => {
      const processes = join(directory, 'proc');
      await mkdir(processes);
      // Each 128 of them give others their turn.
      for (let pid = 1; pid < 1_024; pid += 1) await mkdir(join(processes, String(pid)));
      watch = await opened(BROUGHT, { processes });
      const { pid = 0 } = await run(QEMU);
      const link = join(processes, String(10_000_000 + pid));
      for (let turns = 0; turns < 12; turns += 1) {
        const vm = randomUUID();
        await watch.permitted(start({ vm, name: 'web', door: 'libvirt' }));
        await symlink(`/proc/${pid}`, link);
        await writeDomain('web', vm, 10_000_000 + pid);
        const looking = watch.look();
        for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
        rmSync(link);
        void watch.heard('release end', vm);
        await looking;
        assert.deepEqual(
          watch.exposures.filter((each) => each.vm === vm),
          [],
          `after ${turns} turns`,
        );
      }
    });

    it('takes no permit of another boot, of another VM, or of another door', async () => {
      const vm = randomUUID();
      await watch.permitted(start({ vm, door: 'libvirt' }));
      const kept = await KeptRecord.open(directory, randomUUID());
      assert.deepEqual(kept.current.starts, []);
      const { pid = 0 } = await run(QEMU);
      const other = randomUUID();
      await watch.permitted(start({ vm: other, door: 'run' }));
      await writeDomain('web', other, pid);
      assert.deepEqual(await codesOf(other), ['VM_WITHOUT_PERMIT']);
    });

    it('leaves out what libvirtd wrote down of a process that is gone', async () => {
      const vm = randomUUID();
      const child = await run('other');
      await writeDomain('web', vm, child.pid ?? 0);
      assert.deepEqual(await codesOf(vm), []);
      await writeFile(join(directory, 'run/qemu/half.xml'), "<domstatus state='running' pi");
      assert.deepEqual(await codesOf(vm), []);
    });
  });

  describe('of the hook', () => {
    const ofHook = async (by = ''): Promise<string[]> =>
      (await report()).exposures
        .filter(({ subject }) => subject === `${hookPath()}${by}`)
        .map(({ code }) => code);
    let libvirtd: ChildProcess;
    const byDaemon = () => `, for libvirtd ${libvirtd.pid}`;
    /** Both are kept to a second or less. */
    const olderThanTheDaemon = async () => {
      const started = () => processOf('/proc', libvirtd.pid ?? 0)?.startTicks ?? assert.fail();
      return started();
    };

    it('finds nothing to say where the hook is older than libvirtd', async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      libvirtd = await run('libvirtd');
      await olderThanTheDaemon();
      assert.deepEqual(await ofHook(byDaemon()), []);
    });

    for (const { what, code, change } of [
      { what: 'removed', code: 'HOOK_MISSING', change: () => rm(hookPath()) },
      {
        what: 'renamed',
        code: 'HOOK_MISSING',
        change: () => rename(hookPath(), `${hookPath()}.off`),
      },
      { what: 'not executable', code: 'HOOK_MISSING', change: () => chmod(hookPath(), 0o644) },
      { what: 'another', code: 'HOOK_CHANGED', change: () => installHook('#!/bin/sh\nexit  0\n') },
      {
        what: 'a directory',
        code: 'HOOK_CHANGED',
        change: () => rm(hookPath()).then(() => mkdir(hookPath())),
      },
      { what: 'for others to write', code: 'HOOK_CHANGED', change: () => chmod(hookPath(), 0o777) },
    ] as const) {
      it(`tells that it is ${what}: ${code}`, async () => {
        libvirtd = await run('libvirtd');
        await change();
        assert.deepEqual(await ofHook(byDaemon()), [code]);
      });
    }

    it('believes a hook that is younger than libvirtd once it was called: HOOK_NOT_SEEN', async () => {
      libvirtd = await run('libvirtd');
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await installHook();
      assert.deepEqual(await ofHook(byDaemon()), ['HOOK_NOT_SEEN']);
      await watch.heard('prepare begin', randomUUID());
      assert.deepEqual(await ofHook(byDaemon()), []);
      await rename(hookPath(), `${hookPath()}.off`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await rename(`${hookPath()}.off`, hookPath());
      assert.deepEqual(await ofHook(byDaemon()), ['HOOK_NOT_SEEN']);
    });

    it('takes a call for one of before by no more than the clock’s grain of 10 ms', async () => {
      const { ctimeMs: wallMs } = await stat(hookPath());
      const codesWhenHeard = (atBootMs: number) =>
        hookExposures({
          roots: { ...WATCH_SETTINGS, libvirtConfiguration: join(directory, 'etc') },
          brought: BROUGHT,
          daemons: [{ pid: process.pid, startTicks: 1, program: 'libvirtd' }],
          heard: { atBootMs },
          now: { wallMs, bootMs: 100_000 },
        }).map(({ code }) => code);
      assert.deepEqual(codesWhenHeard(99_990), []);
      assert.deepEqual(codesWhenHeard(99_989), ['HOOK_NOT_SEEN']);
    });

    it('approves of none where the agent cannot tell which it brings: WATCH_BLIND', async () => {
      watch = await opened(await broughtHook(join(directory, "it's/agent.sock")));
      libvirtd = await run('libvirtd');
      assert.deepEqual(await ofHook(byDaemon()), ['WATCH_BLIND']);
      await rm(hookPath());
      assert.deepEqual(await ofHook(byDaemon()), ['HOOK_MISSING']);
    });

    it('looks at what the next libvirtd would find where libvirt is installed, and at nothing where it is not', async () => {
      await rm(hookPath());
      assert.deepEqual(await ofHook(), []);
    });
  });

  it('keeps its record from everybody else, however long, and forgets what another boot left', async () => {
    await watch.permitted(start({}));
    assert.equal((await stat(join(directory, 'watch.json'))).mode & 0o777, 0o600);
    const record = await KeptRecord.open(directory, bootId());
    assert.equal(record.current.starts.length, 1);
    const [kept] = record.current.starts;
    assert.ok(kept !== undefined);
    const starts = Array.from({ length: MAX_KNOWN_STARTS }, () => ({
      ...{ ...kept, vm: randomUUID(), name: 'n'.repeat(128), commandSha256: 'ab'.repeat(32) },
      asker: { pid: 4_000_000, startTicks: 1e12 },
      process: { pid: 4_000_000, startTicks: 1e12 },
    }));
    const ran = starts.map(({ vm }) => vm);
    await record.change({ starts, ran, refused: ran });
    assert.deepEqual((await KeptRecord.open(directory, bootId())).current, record.current);
  });
});
