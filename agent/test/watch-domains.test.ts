import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KeptRecord } from '../watch/record.ts';
import { permittedStart, QEMU, WatchedHost } from './support/watched-host.ts';

describe('the watch of libvirt’s domains', () => {
  let host: WatchedHost;

  beforeEach(async () => {
    host = await WatchedHost.make();
  });

  afterEach(() => host.remove());

  it('lists one that runs without a permit: VM_WITHOUT_PERMIT', async () => {
    const vm = randomUUID();
    const { pid = 0 } = await host.run(QEMU);
    await host.writeDomain('a&lt;b', vm, pid, 'paused');
    assert.deepEqual(await host.codesOf(vm, pid), ['VM_WITHOUT_PERMIT']);
    const { running } = await host.report();
    const { since: _, ...told } = running.find((each) => each.vm === vm) ?? assert.fail();
    assert.deepEqual(told, { vm, name: 'a<b', door: 'libvirt', permit: null, paused: true });
  });

  it('makes nothing of one that the gate permitted, also after the agent was restarted', async () => {
    const vm = randomUUID();
    const permit = randomUUID();
    await host.watch.permitted(permittedStart({ vm, name: 'web', door: 'libvirt', permit }));
    // The agent is killed before it sees the process.
    await host.restart();
    const { pid = 0 } = await host.run(QEMU);
    await host.writeDomain('web', vm, pid);
    for (let agent = 0; agent < 2; agent += 1) {
      assert.deepEqual(await host.codesOf(vm, pid), []);
      assert.equal((await host.report()).running.find((each) => each.vm === vm)?.permit, permit);
      await host.restart();
    }
  });

  it('takes one permit for one process', async () => {
    const vm = randomUUID();
    await host.watch.permitted(permittedStart({ vm, name: 'web', door: 'libvirt' }));
    const first = await host.run(QEMU);
    await host.writeDomain('web', vm, first.pid ?? 0);
    assert.deepEqual(await host.codesOf(vm), []);
    await host.end(first);
    // While the hook was away.
    const second = await host.spawned(join(host.directory, QEMU), '-c', 'read line');
    await host.writeDomain('web', vm, second.pid ?? 0);
    assert.deepEqual(await host.codesOf(vm), ['VM_WITHOUT_PERMIT']);
  });

  it('knows a start as unseen until its process is found or libvirt releases it', async () => {
    const vm = randomUUID();
    const start = permittedStart({ vm, name: 'web', door: 'libvirt' });
    const unseen = () => host.watch.isUnseen(start.requestId);
    assert.equal(unseen(), false);
    await host.watch.permitted(start);
    assert.equal(unseen(), true);
    const { pid = 0 } = await host.run(QEMU);
    await host.writeDomain('web', vm, pid);
    await host.watch.look();
    assert.equal(unseen(), false);
    const next = permittedStart({ vm: randomUUID(), name: 'next', door: 'libvirt' });
    await host.watch.permitted(next);
    await host.watch.heard('release end', next.vm);
    assert.equal(host.watch.isUnseen(next.requestId), false);
  });

  it('takes no permit of a start that came to nothing', async () => {
    const vm = randomUUID();
    await host.watch.permitted(permittedStart({ vm, name: 'web', door: 'libvirt' }));
    await host.watch.heard('release end', vm);
    // While the hook was away.
    const { pid = 0 } = await host.run(QEMU);
    await host.writeDomain('web', vm, pid);
    assert.deepEqual(await host.codesOf(vm), ['VM_WITHOUT_PERMIT']);
  });

  it('takes no permit of a start that was refused after it', async () => {
    const vm = randomUUID();
    await host.watch.permitted(permittedStart({ vm, name: 'web', door: 'libvirt' }));
    await host.watch.refused(vm);
    const { pid = 0 } = await host.run(QEMU);
    await host.writeDomain('web', vm, pid);
    assert.deepEqual(await host.codesOf(vm), ['VM_WITHOUT_PERMIT']);
  });

  it('calls nothing by a name that ends while it looks', async () => {
    const processes = join(host.directory, 'proc');
    await mkdir(processes);
    // Each 128 of them give others their turn.
    for (let pid = 1; pid < 1_024; pid += 1) await mkdir(join(processes, String(pid)));
    await host.restart({}, { processes });
    const { pid = 0 } = await host.run(QEMU);
    const link = join(processes, String(10_000_000 + pid));
    for (let turns = 0; turns < 12; turns += 1) {
      const vm = randomUUID();
      await host.watch.permitted(permittedStart({ vm, name: 'web', door: 'libvirt' }));
      await symlink(`/proc/${pid}`, link);
      await host.writeDomain('web', vm, 10_000_000 + pid);
      const looking = host.watch.look();
      for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
      rmSync(link);
      void host.watch.heard('release end', vm);
      await looking;
      assert.deepEqual(
        host.watch.exposures.filter((each) => each.vm === vm),
        [],
        `after ${turns} turns`,
      );
    }
  });

  it('takes no permit of another boot, of another VM, or of another door', async () => {
    const vm = randomUUID();
    await host.watch.permitted(permittedStart({ vm, door: 'libvirt' }));
    const kept = await KeptRecord.open(host.directory, randomUUID());
    assert.deepEqual(kept.current.starts, []);
    const { pid = 0 } = await host.run(QEMU);
    const other = randomUUID();
    await host.watch.permitted(permittedStart({ vm: other, door: 'run' }));
    await host.writeDomain('web', other, pid);
    assert.deepEqual(await host.codesOf(other), ['VM_WITHOUT_PERMIT']);
  });

  it('leaves out what libvirtd wrote down of a process that is gone', async () => {
    const vm = randomUUID();
    const child = await host.run('other');
    await host.writeDomain('web', vm, child.pid ?? 0);
    assert.deepEqual(await host.codesOf(vm), []);
    await writeFile(join(host.directory, 'run/qemu/half.xml'), "<domstatus state='running' pi");
    assert.deepEqual(await host.codesOf(vm), []);
  });
});
