import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeLibvirt } from '../../test/support/describe-libvirt.ts';
import { codeOf } from '../../test/support/refusals.ts';
import { broughtHook, hookText } from '../libvirt/hook.ts';
import { installHook, removeHook, stateOfHook } from '../libvirt/install-hook.ts';

const USUAL = '/var/lib/touchstone-agent/agent.sock';

describe('libvirt’s hook as the agent brings it', () => {
  it('is the file in deploy/libvirt as it stands, for the usual state directory', async () => {
    const file = await readFile(new URL('../../deploy/libvirt/touchstone', import.meta.url));
    const sha256 = createHash('sha256').update(file).digest('hex');
    assert.deepEqual(await broughtHook(USUAL), { sha256 });
  });

  it('asks at another socket in one line, and takes no path that could be more than one', async () => {
    const [usual, other] = [await hookText(USUAL), await hookText('/srv/agent/agent.sock')];
    const differing = other.split('\n').filter((line, at) => line !== usual.split('\n')[at]);
    assert.deepEqual(differing, ["my $socket = '/srv/agent/agent.sock';"]);
    for (const path of ["/a'; exec 'x", '/a\nb', 'relative', '/a b', '/a$b', '/a\\b'])
      assert.equal(await codeOf(hookText(path)), 'HOOK_FAILED');
  });
});

describeLibvirt('touchstone-agent install-hook', () => {
  let configuration: string;
  const place = () => ({ configuration, socketPath: USUAL });
  const at = (name: string) => join(configuration, 'hooks', name);

  beforeEach(async () => {
    configuration = await mkdtemp(join(tmpdir(), 'ts-hook-'));
    await chmod(configuration, 0o755);
  });
  afterEach(() => rm(configuration, { recursive: true }));

  it('puts it there once, executable and root’s, and leaves others’ hooks alone', async () => {
    await mkdir(at('qemu.d'), { recursive: true });
    await writeFile(at('qemu'), 'ours', { mode: 0o755 });
    await writeFile(at('qemu.d/10-other'), 'theirs', { mode: 0o755 });
    assert.equal(await stateOfHook(place()), 'absent');
    assert.equal(await installHook(place()), 'absent');
    assert.equal(await stateOfHook(place()), 'installed');
    const { ino, mode, uid } = await stat(at('qemu.d/touchstone'));
    assert.deepEqual([mode & 0o7777, uid], [0o755, 0]);
    assert.equal(await installHook(place()), 'installed');
    assert.equal((await stat(at('qemu.d/touchstone'))).ino, ino);
    assert.equal(await readFile(at('qemu'), 'utf8'), 'ours');
    assert.equal(await removeHook(place()), true);
    assert.equal(await removeHook(place()), false);
    assert.equal(await readFile(at('qemu.d/10-other'), 'utf8'), 'theirs');
  });

  it('sees what was done to it, and puts it right', async () => {
    await installHook(place());
    await chmod(at('qemu.d/touchstone'), 0o644);
    assert.equal(await stateOfHook(place()), 'exposed');
    assert.equal(await installHook(place()), 'exposed');
    await writeFile(at('qemu.d/touchstone'), '#!/bin/sh\nexit 0\n');
    assert.equal(await stateOfHook(place()), 'changed');
    assert.equal(await installHook(place()), 'changed');
    assert.equal(await stateOfHook(place()), 'installed');
  });

  it('goes nowhere where others may write: HOOK_DIRECTORY_EXPOSED', async () => {
    await mkdir(at('qemu.d'), { recursive: true });
    await chmod(at('qemu.d'), 0o777);
    assert.equal(await codeOf(installHook(place())), 'HOOK_DIRECTORY_EXPOSED');
    await rm(at('qemu.d'), { recursive: true });
    await symlink('/tmp', at('qemu.d'));
    assert.equal(await codeOf(installHook(place())), 'HOOK_FAILED');
  });

  it('says where there is no libvirt: LIBVIRT_ABSENT', async () => {
    const nowhere = { configuration: join(configuration, 'none'), socketPath: USUAL };
    assert.equal(await codeOf(installHook(nowhere)), 'LIBVIRT_ABSENT');
    assert.equal(await stateOfHook(nowhere), 'absent');
  });
});
