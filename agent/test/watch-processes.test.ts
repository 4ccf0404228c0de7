import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { bootId, KeptRecord } from '../watch/record.ts';
import { WATCH_SETTINGS } from '../watch/settings.ts';
import type { PermittedStart } from '../watch/starts-of-boot.ts';
import { Watch } from '../watch/watch.ts';
import { permittedStart, QEMU, WatchedHost } from './support/watched-host.ts';

describe('the watch of processes', () => {
  let host: WatchedHost;

  beforeEach(async () => {
    host = await WatchedHost.make();
  });

  afterEach(() => host.remove());

  it('lists QEMU that somebody started by hand: QEMU_BY_HAND, once', async () => {
    const { pid } = await host.run(QEMU, '-uuid', randomUUID(), '-name', 'guest=sly\u0007,x=y');
    assert.deepEqual(await host.codesOf(null, pid), ['QEMU_BY_HAND']);
    const before = host.news;
    const { exposures, running } = await host.report();
    const found = exposures.find(({ subject }) => subject === `${QEMU}, process ${pid}`);
    assert.match(found?.detail ?? '', /name sly /u);
    assert.ok(running.some(({ vm, name, door }) => vm === null && door === null && name === 'sly'));
    assert.equal(host.news, before);
  });

  it('lists a program of another name that has the device for VMs open', async () => {
    await writeFile(join(host.directory, 'kvm'), '');
    const device = await open(join(host.directory, 'kvm'));
    const child = spawn('/bin/sleep', ['1000'], { stdio: ['ignore', 'ignore', device.fd] });
    host.owns(child);
    await device.close();
    for (let look = 0; look < 4; look += 1) {
      assert.deepEqual(await host.codesOf(null, child.pid), ['QEMU_BY_HAND']);
    }
    await host.end(child);
    assert.deepEqual(await host.codesOf(null, child.pid), []);
  });

  it('calls nothing by a name while it is young', async () => {
    const { pid } = await host.run(QEMU);
    host.watch = new Watch({
      ...({ roots: { ...WATCH_SETTINGS, kvm: join(host.directory, 'kvm') } } as const),
      record: await KeptRecord.open(host.directory, bootId()),
      brought: { sha256: '00'.repeat(32) },
      log: pino({ level: 'silent' }),
      onNews: () => {},
    });
    assert.deepEqual(await host.codesOf(null, pid), []);
  });

  it('knows the process that asked, after it became another program', async () => {
    const vm = randomUUID();
    const qemu = await host.run(QEMU, '--vm', vm);
    await host.watch.permitted(permittedStart({ vm, pid: qemu.pid ?? 0, command: ['/other'] }));
    assert.deepEqual(await host.codesOf(vm, qemu.pid), []);
    const { running } = await host.report();
    assert.equal(running.find((each) => each.vm === vm)?.door, 'run');
    await host.end(qemu);
    assert.ok(!(await host.report()).running.some((each) => each.vm === vm));
  });

  it('knows what the process that asked has started', async () => {
    const vm = randomUUID();
    const inner = join(host.directory, QEMU);
    await copyFile('/bin/sh', inner);
    const script = `${inner} -c 'echo $$; read line'; true`;
    const child = spawn('/bin/sh', ['-c', script, '--vm', vm], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    host.owns(child);
    const [pid] = (await once(child.stdout, 'data')) as [Buffer];
    await host.watch.permitted(permittedStart({ vm, pid: child.pid ?? 0 }));
    assert.deepEqual(await host.codesOf(vm, Number(pid)), []);
    assert.equal((await host.report()).running.filter((each) => each.vm === vm).length, 1);
    child.stdin.end();
    await once(child, 'exit');
  });

  it('believes no pid of somebody who does not ask for that VM', async () => {
    const [asker, qemu] = [await host.run('other', '--vm', randomUUID()), await host.run(QEMU)];
    await host.watch.permitted(permittedStart({ pid: asker.pid ?? 0 }));
    await host.watch.permitted(permittedStart({ pid: qemu.pid ?? 0 }));
    await host.watch.permitted(permittedStart({ pid: 1 }));
    assert.deepEqual(await host.codesOf(null, qemu.pid), ['QEMU_BY_HAND']);
  });

  it('knows a command that was permitted just before, once: a systemd unit, QEMU’s -daemonize', async () => {
    const vm = randomUUID();
    const path = join(host.directory, QEMU);
    const args = ['-c', 'read line', '-uuid', vm];
    await host.watch.permitted(permittedStart({ vm, door: 'systemd', command: [path, ...args] }));
    const first = await host.run(QEMU, '-uuid', vm);
    assert.deepEqual(first.spawnargs, [path, ...args]);
    assert.deepEqual(await host.codesOf(vm, first.pid), []);
    const second = await host.spawned(path, ...args);
    assert.deepEqual(await host.codesOf(null, second.pid), ['QEMU_BY_HAND']);
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
      const command = [join(host.directory, QEMU), '-c', 'read line', '-uuid', vm];
      await host.watch.permitted(permittedStart({ vm, command, ...of }));
      const qemu = await host.run(QEMU, '-uuid', vm, ...more);
      assert.deepEqual(qemu.spawnargs, [...command, ...more]);
      const codes = await host.codesOf(vm, qemu.pid);
      await host.end(qemu);
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
});
