import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import type { HostState, OnLoss, OrdersClaims } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import type { SeenVm } from '../watch/judge.ts';
import { carryOut } from '../watch/loss-of-trust.ts';
import { processOf } from '../watch/processes.ts';
import { bootId, KeptRecord } from '../watch/record.ts';

describe('what is ordered on loss of trust', () => {
  let directory: string;
  let record: KeptRecord;
  let asked: string[];
  let fails: boolean;
  let shutdownSeconds: number;
  let child: ChildProcess | null;
  const vm = randomUUID();

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-loss-'));
    record = await KeptRecord.open(directory, bootId());
    [asked, fails, shutdownSeconds, child] = [[], false, 1_000, null];
  });

  afterEach(async () => {
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const over = once(child, 'exit');
      child.kill('SIGKILL');
      await over;
    }
    await rm(directory, { recursive: true });
  });

  const ask = (what: string) => async () => {
    asked.push(what);
    if (fails) throw new AppError('LIBVIRT_FAILED', 503, { detail: 'not now' });
  };
  const libvirt = { suspend: ask('suspend'), shutdown: ask('shutdown'), destroy: ask('destroy') };
  const orders = (state: HostState, action: OnLoss, sequence = 1): OrdersClaims => ({
    ...{ iss: 'https://t', aud: '000b', iat: 0 },
    'touchstone.host': randomUUID(),
    'touchstone.state': state,
    'touchstone.sequence': sequence,
    'touchstone.vms': [{ vm, action }],
  });
  const domain = (of: Partial<SeenVm> = {}): SeenVm => ({
    ...{ vm, name: 'web', door: 'libvirt', start: null, paused: false, processes: [] },
    startTicks: 7,
    ...of,
  });
  const done = async (given: OrdersClaims | null, vms: readonly SeenVm[] = [domain()]) => {
    const log = pino({ level: 'silent' });
    const options = { record, libvirt, processes: '/proc', shutdownSeconds, log };
    return (await carryOut(given, vms, options)).map(({ code }) => code);
  };

  for (const state of ['untrusted', 'revoked'] as const) {
    it(`pauses a VM of a host that is ${state}, once for each order`, async () => {
      for (let look = 0; look < 2; look += 1)
        assert.deepEqual(await done(orders(state, 'pause')), []);
      assert.deepEqual(asked, ['suspend']);
      await done(orders(state, 'pause', 2));
      assert.deepEqual(asked, ['suspend', 'suspend']);
      await done(orders(state, 'pause', 3), [domain({ paused: true })]);
      assert.equal(asked.length, 2);
    });
  }

  for (const state of ['trusted', 'stale', 'pending'] as const) {
    it(`does nothing at a host that is ${state}, and resumes nothing`, async () => {
      await done(orders(state, 'shutdown'), [domain(), domain({ paused: true })]);
      assert.deepEqual(asked, []);
    });
  }

  it('does nothing without orders, to other VMs, or where the record says so', async () => {
    await done(null);
    await done(orders('untrusted', 'pause'), [domain({ vm: randomUUID() }), domain({ vm: null })]);
    await done(orders('untrusted', 'flag'));
    await done(orders('untrusted', 'no-new-starts'));
    assert.deepEqual(asked, []);
  });

  it('does it again to a VM that was started again', async () => {
    await done(orders('untrusted', 'pause'));
    await done(orders('untrusted', 'pause'), [domain({ startTicks: 8 })]);
    assert.deepEqual(asked, ['suspend', 'suspend']);
  });

  it('shows what failed, and tries again: LOSS_ACTION_FAILED', async () => {
    fails = true;
    assert.deepEqual(await done(orders('untrusted', 'pause')), ['LOSS_ACTION_FAILED']);
    fails = false;
    assert.deepEqual(await done(orders('untrusted', 'pause')), []);
    assert.deepEqual(asked, ['suspend', 'suspend']);
  });

  it('asks a VM to shut down, and ends it after the stated time, also where asking failed and the agent was killed', async () => {
    [fails, shutdownSeconds] = [true, 0];
    assert.deepEqual(await done(orders('untrusted', 'shutdown')), ['LOSS_ACTION_FAILED']);
    fails = false;
    record = await KeptRecord.open(directory, bootId());
    await done(orders('untrusted', 'shutdown', 2));
    assert.deepEqual(asked, ['shutdown', 'destroy']);
  });

  it('gives a VM its time to shut down', async () => {
    for (let look = 0; look < 3; look += 1) await done(orders('untrusted', 'shutdown'));
    assert.deepEqual(asked, ['shutdown']);
  });

  it('lets a VM be that did not shut down before trust was back', async () => {
    shutdownSeconds = 0;
    await done(orders('untrusted', 'shutdown'));
    await done(orders('trusted', 'shutdown', 2));
    await done(orders('untrusted', 'shutdown', 3));
    assert.deepEqual(asked, ['shutdown', 'shutdown']);
  });

  describe('of a VM that no libvirt runs', () => {
    const started = async (script: string): Promise<SeenVm> => {
      child = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] });
      await once(child.stdout ?? assert.fail(), 'data');
      const { pid, startTicks } = processOf('/proc', child.pid ?? 0) ?? assert.fail();
      return domain({ door: 'run', processes: [{ pid, startTicks }], startTicks });
    };
    const gone = () => once(child ?? assert.fail(), 'exit').then(([, signal]) => signal as string);

    it('stops the process where it stands', async () => {
      const running = await started('echo; read line');
      await done(orders('revoked', 'pause'), [running]);
      const pid = child?.pid ?? 0;
      while (processOf('/proc', pid)?.stopped !== true) await sleep(5);
      assert.deepEqual(asked, []);
    });

    it('ends it, and by force where it does not end', async () => {
      const running = await started("trap '' TERM; echo; while :; do read line; done");
      shutdownSeconds = 0;
      await done(orders('untrusted', 'shutdown'), [running]);
      const over = gone();
      await done(orders('untrusted', 'shutdown'), [running]);
      assert.equal(await over, 'SIGKILL');
    });

    it('touches no process that has its number by now', async () => {
      const running = await started('echo; read line');
      const [process] = running.processes;
      const other = { pid: process?.pid ?? 0, startTicks: 1 };
      await done(orders('revoked', 'shutdown'), [{ ...running, processes: [other] }]);
      const over = gone();
      child?.stdin?.end();
      assert.equal(await over, null);
    });
  });
});
