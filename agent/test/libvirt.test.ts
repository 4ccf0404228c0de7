import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeLibvirt } from '../../test/support/describe-libvirt.ts';
import { type LibvirtHost, startLibvirtHost } from '../../test/support/libvirt-host.ts';
import { codeOf } from '../../test/support/refusals.ts';
import { type Libvirt, libvirtAt } from '../libvirt/libvirt.ts';

describeLibvirt('libvirt, asked by virsh', function () {
  let host: LibvirtHost;
  let libvirt: Libvirt;

  before(async () => {
    host = await startLibvirtHost();
    libvirt = libvirtAt({ uri: `qemu+unix:///system?socket=${host.run}/libvirt-sock` });
  });
  after(() => host.stop());

  it('lists every domain with its state, and whether it starts by itself', async () => {
    const [first, second] = [
      await host.define({ name: 'one' }),
      await host.define({ name: 'a b' }),
    ];
    await host.did('autostart', 'one');
    const domains = async () =>
      new Map((await libvirt.domains()).map((found) => [found.uuid, found]));
    assert.deepEqual((await domains()).get(second), {
      ...{ uuid: second, name: 'a b', state: 'shut off', autostart: false, persistent: true },
    });
    await libvirt.start(first);
    assert.deepEqual((await domains()).get(first), {
      ...{ uuid: first, name: 'one', state: 'running', autostart: true, persistent: true },
    });
    await libvirt.suspend(first);
    assert.equal((await domains()).get(first)?.state, 'paused');
    assert.match(await libvirt.xmlOf(first), new RegExp(`<uuid>${first}</uuid>`));
    assert.equal(await codeOf(libvirt.start(first)), 'LIBVIRT_FAILED');
    await libvirt.destroy(first);
    assert.equal((await domains()).get(first)?.state, 'shut off');
  });

  it('keeps a secret in libvirtd’s memory alone, and gives it to nobody', async () => {
    const uuid = randomUUID();
    const value = randomBytes(24).toString('base64url');
    await libvirt.defineSecret(uuid);
    await libvirt.defineSecret(uuid);
    await libvirt.setSecret(uuid, Buffer.from(value));
    assert.match((await host.virsh('secret-get-value', uuid)).stderr, /secret is private/);
    for (const file of await readdir(host.directory, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const bytes = await readFile(join(file.parentPath, file.name));
      assert.ok(!bytes.includes(value), file.name);
      assert.ok(!bytes.includes(Buffer.from(value).toString('base64')), file.name);
    }
    await libvirt.unsetSecret(uuid);
    assert.equal(await codeOf(libvirt.setSecret(uuid, Buffer.from(value))), 'LIBVIRT_FAILED');
  });

  it('takes nothing for a domain that is no UUID', async () => {
    for (const text of ['one', '--all', '', randomUUID().toUpperCase()])
      assert.equal(await codeOf(libvirt.destroy(text)), 'LIBVIRT_FAILED');
  });

  it('says where it is away, and gives up where it hangs', async () => {
    const { libvirtdPid = 0 } = host;
    process.kill(libvirtdPid, 'SIGSTOP');
    const uri = `qemu+unix:///system?socket=${host.run}/libvirt-sock`;
    const bounded = libvirtAt({ uri, timeoutMs: 200 });
    assert.equal(await codeOf(bounded.domains()), 'LIBVIRT_FAILED');
    assert.equal(await codeOf(bounded.setSecret(randomUUID(), Buffer.of(1))), 'LIBVIRT_FAILED');
    process.kill(libvirtdPid, 'SIGCONT');
    await host.stopLibvirtd();
    assert.equal(await codeOf(libvirt.domains()), 'LIBVIRT_UNAVAILABLE');
    const elsewhere = libvirtAt({ searchPath: '/nonexistent' });
    assert.equal(await codeOf(elsewhere.domains()), 'LIBVIRT_UNAVAILABLE');
  });
});
