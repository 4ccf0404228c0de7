import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import type { OnLoss, OrdersClaims } from '@touchstone/schemas';
import { attack } from '../../test/support/attack.ts';
import { describeLibvirt } from '../../test/support/describe-libvirt.ts';
import { type LibvirtHost, startLibvirtHost } from '../../test/support/libvirt-host.ts';
import { libvirtAt } from '../libvirt/libvirt.ts';
import { Autostart } from '../watch/autostart.ts';
import { carryOut } from '../watch/loss-of-trust.ts';
import { bootId, KeptRecord } from '../watch/record.ts';
import { WATCH_SETTINGS } from '../watch/settings.ts';
import { Watch } from '../watch/watch.ts';

/** Stands for the gate: a yes where the file is. */
const HOOK = `#!/bin/sh
case "$2" in prepare) [ -e /etc/libvirt/yes ] || { echo no proof, no guests >&2; exit 1; } ;; esac
`;

describeLibvirt('the watch over a real libvirt', () => {
  let host: LibvirtHost;
  let directory: string;
  let record: KeptRecord;
  let watch: Watch;
  let vm: string;

  const libvirt = () =>
    libvirtAt({ uri: `qemu+unix:///system?socket=${join(host.run, 'libvirt-sock')}` });
  const roots = () => ({
    ...WATCH_SETTINGS,
    libvirtConfiguration: '/etc/libvirt',
    libvirtState: '/run/libvirt',
  });
  const hook = () => join(host.etc, 'hooks/qemu.d/touchstone');
  const yes = () => join(host.etc, 'yes');
  const installHook = async () => {
    await mkdir(join(host.etc, 'hooks/qemu.d'), { recursive: true });
    await writeFile(hook(), HOOK);
    await chmod(hook(), 0o755);
  };

  before(async function () {
    this.timeout(240_000);
    host = await startLibvirtHost();
    directory = await mkdtemp(join(tmpdir(), 'ts-watch-'));
    vm = await host.define({ name: 'web' });
  });

  beforeEach(async () => {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory);
    record = await KeptRecord.open(directory, bootId());
    watch = new Watch({
      roots: roots(),
      record,
      brought: { sha256: createHash('sha256').update(HOOK).digest('hex') },
      log: pino({ level: 'silent' }),
      onNews: () => {},
      settlingMs: 0,
    });
  });

  after(async () => {
    await host?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  afterEach(async () => {
    if ((await host.stateOf('web')) !== 'shut off') await host.virsh('destroy', 'web');
  });

  /** Of this host: others of the machine are none of the test's. */
  const codes = async (): Promise<string[]> => {
    await watch.look();
    return watch.exposures
      .filter((each) => each.vm === vm || each.subject.endsWith(`libvirtd ${host.libvirtdPid}`))
      .map(({ code }) => code)
      .toSorted();
  };

  describe('G11: roads round the hook', () => {
    it('a host without the hook, and its VM: HOOK_MISSING, VM_WITHOUT_PERMIT', async () => {
      await host.did('start', 'web');
      assert.deepEqual(await codes(), ['HOOK_MISSING', 'VM_WITHOUT_PERMIT']);
    });

    it('a hook that libvirtd has not seen, and does not call: HOOK_NOT_SEEN', async () => {
      await sleep(1_100);
      await installHook();
      await host.did('start', 'web');
      assert.deepEqual(await codes(), ['HOOK_NOT_SEEN', 'VM_WITHOUT_PERMIT']);
    });

    it('nothing, where the hook is asked and says yes', async () => {
      await sleep(1_100);
      await host.stopLibvirtd();
      await host.startLibvirtd();
      assert.equal((await host.virsh('start', 'web')).exitCode, 1);
      assert.deepEqual(await codes(), []);
      await writeFile(yes(), '');
      await watch.permitted({
        vm,
        name: 'web',
        door: 'libvirt',
        permit: randomUUID(),
        requestId: randomUUID(),
      });
      await host.did('start', 'web');
      assert.deepEqual(await codes(), []);
      assert.equal(watch.vms.find((each) => each.vm === vm)?.name, 'web');
      await rm(yes());
    });

    for (const { road, code, leave, enter } of [
      {
        road: 'moved away',
        code: 'HOOK_MISSING',
        leave: () => rename(hook(), join(host.etc, 'off')),
        enter: () => rename(join(host.etc, 'off'), hook()),
      },
      {
        road: 'removed',
        code: 'HOOK_MISSING',
        leave: () => rm(hook()),
        enter: () => installHook(),
      },
      {
        road: 'made not executable',
        code: 'HOOK_MISSING',
        leave: () => chmod(hook(), 0o644),
        enter: () => chmod(hook(), 0o755),
      },
      {
        road: 'made to say yes',
        code: 'HOOK_CHANGED',
        leave: () => writeFile(hook(), '#!/bin/sh\n'),
        enter: () => installHook(),
      },
      {
        road: 'hidden from libvirtd alone, by a mount in its namespace',
        code: 'HOOK_MISSING',
        leave: () => host.exec(['mount', '-t', 'tmpfs', 'none', '/etc/libvirt/hooks']),
        enter: () => host.exec(['umount', '/etc/libvirt/hooks']),
      },
    ]) {
      it(`the hook ${road}, and the VM that then starts: ${code}, VM_WITHOUT_PERMIT`, async () => {
        await leave();
        await attack('G11', async () => {
          await host.did('start', 'web');
          const found = await codes();
          assert.deepEqual(found, [code, 'VM_WITHOUT_PERMIT']);
          return { outcome: 'W', code: found[1] ?? '' };
        });
        await enter();
      });
    }

    it('QEMU by hand: QEMU_BY_HAND', async () => {
      const args = ['-machine', 'pc,accel=tcg', '-display', 'none', '-S', '-nodefaults'];
      const qemu = spawn('/usr/bin/qemu-system-x86_64', [...args, '-uuid', vm], {
        stdio: 'ignore',
      });
      await once(qemu, 'spawn');
      const found = async () => {
        await watch.look();
        return watch.exposures.filter(({ subject }) => subject.endsWith(`process ${qemu.pid}`));
      };
      // Until execve(2) it is a copy of this process.
      while ((await found()).length === 0) await sleep(20);
      await attack('G11', async () => {
        const [exposure] = await found();
        assert.equal(exposure?.vm, null);
        return { outcome: 'W', code: exposure?.code ?? '' };
      });
      const over = once(qemu, 'exit');
      qemu.kill('SIGKILL');
      await over;
    });
  });

  describe('what is ordered on loss of trust', () => {
    const ordered = async (action: OnLoss, shutdownSeconds = 60) => {
      await watch.look();
      const orders: OrdersClaims = {
        ...{ iss: 'https://t', aud: '000b', iat: 0, 'touchstone.host': randomUUID() },
        ...{ 'touchstone.state': 'revoked', 'touchstone.sequence': 1 },
        'touchstone.vms': [{ vm, action }],
      };
      const log = pino({ level: 'silent' });
      const options = { record, libvirt: libvirt(), processes: '/proc', shutdownSeconds, log };
      assert.deepEqual(await carryOut(orders, watch.vms, options), []);
    };

    beforeEach(async () => {
      await writeFile(yes(), '');
      await host.did('start', 'web');
    });

    afterEach(() => rm(yes()));

    it('pauses, and does not pause again what a person resumed', async () => {
      await ordered('pause');
      assert.equal(await host.stateOf('web'), 'paused');
      await watch.look();
      assert.equal(watch.vms.find((each) => each.vm === vm)?.paused, true);
      await host.did('resume', 'web');
      await ordered('pause');
      assert.equal(await host.stateOf('web'), 'running');
    });

    it('ends a VM that does not shut down when it is asked', async () => {
      await ordered('shutdown', 0);
      await ordered('shutdown', 0);
      assert.equal(await host.stateOf('web'), 'shut off');
    });
  });

  describe('autostart, which libvirtd tries once in a boot', () => {
    let starts: number;
    let isReady: boolean;
    const autostart = () =>
      new Autostart({
        roots: { ...roots(), libvirtConfiguration: host.etc, libvirtState: host.run },
        record,
        start: async (uuid) => {
          starts += 1;
          await libvirt().start(uuid);
        },
        isReady: () => Promise.resolve(isReady),
        log: pino({ level: 'silent' }),
      });

    /** As a boot: what libvirtd keeps of one is gone. */
    const boot = async () => {
      await host.stopLibvirtd();
      await rm(join(host.run, 'qemu/autostarted'), { force: true });
      await host.startLibvirtd();
    };

    before(async () => {
      await host.did('autostart', 'web');
    });

    beforeEach(async () => {
      [starts, isReady] = [0, true];
      await boot();
    });

    after(async () => {
      await rm(yes(), { force: true });
      await host.did('autostart', '--disable', 'web');
    });

    it('G11: starts nothing at boot without a permit, and by the agent once there can be one', async () => {
      assert.equal(await host.stateOf('web'), 'shut off');
      const tries = autostart();
      isReady = false;
      tries.next(new Set());
      await tries.settled();
      assert.equal(starts, 0);
      isReady = true;
      // The first try is refused, and is followed by a wait.
      tries.next(new Set());
      await tries.settled();
      tries.next(new Set());
      await tries.settled();
      assert.equal(starts, 1);
      await writeFile(yes(), '');
      const again = autostart();
      again.next(new Set());
      await again.settled();
      assert.equal(await host.stateOf('web'), 'running');
      // A person stops it; nobody starts it again.
      await host.did('destroy', 'web');
      again.next(new Set());
      await again.settled();
      assert.equal(starts, 2);
      await rm(yes());
    });

    it('leaves alone what is to start with the next boot only', async () => {
      await host.did('autostart', '--disable', 'web');
      await sleep(20);
      await host.did('autostart', 'web');
      const tries = autostart();
      tries.next(new Set());
      await tries.settled();
      assert.equal(starts, 0);
      await watch.refused(vm);
      tries.next(new Set());
      await tries.settled();
      assert.equal(starts, 1);
    });
  });
});
