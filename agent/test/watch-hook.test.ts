import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { broughtHook } from '../libvirt/hook.ts';
import { hookExposures } from '../watch/hook.ts';
import { processOf } from '../watch/processes.ts';
import { WATCH_SETTINGS } from '../watch/settings.ts';
import { BROUGHT, WatchedHost } from './support/watched-host.ts';

describe('the watch of the hook', () => {
  let host: WatchedHost;

  beforeEach(async () => {
    host = await WatchedHost.make();
  });

  afterEach(() => host.remove());

  const ofHook = async (by = ''): Promise<string[]> =>
    (await host.report()).exposures
      .filter(({ subject }) => subject === `${host.hookPath}${by}`)
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
    libvirtd = await host.run('libvirtd');
    await olderThanTheDaemon();
    assert.deepEqual(await ofHook(byDaemon()), []);
  });

  for (const { what, code, change } of [
    { what: 'removed', code: 'HOOK_MISSING', change: () => rm(host.hookPath) },
    {
      what: 'renamed',
      code: 'HOOK_MISSING',
      change: () => rename(host.hookPath, `${host.hookPath}.off`),
    },
    { what: 'not executable', code: 'HOOK_MISSING', change: () => chmod(host.hookPath, 0o644) },
    {
      what: 'another',
      code: 'HOOK_CHANGED',
      change: () => host.installHook('#!/bin/sh\nexit  0\n'),
    },
    {
      what: 'a directory',
      code: 'HOOK_CHANGED',
      change: () => rm(host.hookPath).then(() => mkdir(host.hookPath)),
    },
    {
      what: 'for others to write',
      code: 'HOOK_CHANGED',
      change: () => chmod(host.hookPath, 0o777),
    },
  ] as const) {
    it(`tells that it is ${what}: ${code}`, async () => {
      libvirtd = await host.run('libvirtd');
      await change();
      assert.deepEqual(await ofHook(byDaemon()), [code]);
    });
  }

  it('believes a hook that is younger than libvirtd once it was called: HOOK_NOT_SEEN', async () => {
    libvirtd = await host.run('libvirtd');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await host.installHook();
    assert.deepEqual(await ofHook(byDaemon()), ['HOOK_NOT_SEEN']);
    await host.watch.heard('prepare begin', randomUUID());
    assert.deepEqual(await ofHook(byDaemon()), []);
    await rename(host.hookPath, `${host.hookPath}.off`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await rename(`${host.hookPath}.off`, host.hookPath);
    assert.deepEqual(await ofHook(byDaemon()), ['HOOK_NOT_SEEN']);
  });

  it('takes a call for one of before by no more than the clock’s grain of 10 ms', async () => {
    const { ctimeMs: wallMs } = await stat(host.hookPath);
    const codesWhenHeard = (atBootMs: number) =>
      hookExposures({
        roots: { ...WATCH_SETTINGS, libvirtConfiguration: join(host.directory, 'etc') },
        brought: BROUGHT,
        daemons: [{ pid: process.pid, startTicks: 1, program: 'libvirtd' }],
        heard: { atBootMs },
        now: { wallMs, bootMs: 100_000 },
      }).map(({ code }) => code);
    assert.deepEqual(codesWhenHeard(99_990), []);
    assert.deepEqual(codesWhenHeard(99_989), ['HOOK_NOT_SEEN']);
  });

  it('approves of none where the agent cannot tell which it brings: WATCH_BLIND', async () => {
    await host.restart({ brought: await broughtHook(join(host.directory, "it's/agent.sock")) });
    libvirtd = await host.run('libvirtd');
    assert.deepEqual(await ofHook(byDaemon()), ['WATCH_BLIND']);
    await rm(host.hookPath);
    assert.deepEqual(await ofHook(byDaemon()), ['HOOK_MISSING']);
  });

  it('looks at what the next libvirtd would find where libvirt is installed, and at nothing where it is not', async () => {
    await rm(host.hookPath);
    assert.deepEqual(await ofHook(), []);
  });
});
