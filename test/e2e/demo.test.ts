import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inherited } from '../support/inherited.ts';
import { BIN } from '../support/touchstone.ts';
import { tracesOf } from '../support/traces.ts';

type Ended = {
  readonly exitCode: number | null;
  readonly output: string;
  readonly seconds: number;
};

/** `touchstone demo`, all of whose files lie in a directory that nobody else uses. */
function startDemo(args: readonly string[] = []) {
  const directory = mkdtempSync(join(tmpdir(), 'ts-e2e-'));
  // PostgreSQL's own user passes through.
  chmodSync(directory, 0o711);
  const startedAt = performance.now();
  const child: ChildProcess = spawn(process.execPath, [BIN.touchstone, 'demo', ...args], {
    // A group of its own, as a shell gives to each command of a terminal.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...inherited(),
      HOME: directory,
      TMPDIR: directory,
      XDG_RUNTIME_DIR: directory,
      NO_COLOR: '1',
    },
  });
  const signal = (name: NodeJS.Signals, to: 'group' | 'process') =>
    process.kill(to === 'group' ? -child.pid! : child.pid!, name);
  const killAtExit = () => signal('SIGKILL', 'group');
  process.once('exit', killAtExit);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const ended: Promise<Ended> = once(child, 'close').then(([exitCode]) => {
    process.off('exit', killAtExit);
    const seconds = (performance.now() - startedAt) / 1_000;
    return { exitCode: exitCode as number | null, output, seconds };
  });
  const said = async (text: string) => {
    while (!output.includes(text)) {
      assert.equal(child.exitCode, null, `it ended before it said ${text}:\n${output}`);
      await sleep(5);
    }
  };
  return { directory, ended, said, signal };
}

/** What was left when it ended is told, and then taken away. */
async function leavesNothing({ directory, ended }: ReturnType<typeof startDemo>): Promise<Ended> {
  const outcome = await ended;
  const traces = tracesOf(directory);
  if (traces.length > 0) {
    for (const trace of traces) {
      const [, pid] = /^process ([0-9]+)/u.exec(trace) ?? [];
      if (pid !== undefined) process.kill(Number(pid), 'SIGKILL');
    }
    await sleep(500);
  }
  rmSync(directory, { recursive: true, force: true });
  assert.deepEqual(traces, [], outcome.output);
  return outcome;
}

describe('npm run demo', function () {
  this.timeout(180_000);

  it('passes: a host proves itself and its VM runs; the host changes, and is refused', async function () {
    const demo = startDemo();
    await demo.said('[4/6]');
    assert.ok(tracesOf(demo.directory).length > 8, 'what there is while it runs is seen');
    const { exitCode, output, seconds } = await leavesNothing(demo);
    console.log(`      the demonstration took ${seconds.toFixed(1)} s`);
    assert.equal(exitCode, 0, output);
    for (const told of [
      /serial port: Touchstone demo VM: running/u,
      /HOST_NOT_TRUSTED/u,
      /EVENT_DIFFERS: \/.*\/hypervisor\.conf in PCR 13/u,
      /no QEMU process started, and the changed file was named/u,
    ]) {
      assert.match(output, told);
    }
    assert.doesNotMatch(output, /\bts[tj]_[A-Za-z0-9_-]{20}/u, 'a token is shown');
  });

  it('fails with --sabotage=allow-all: exit code 1', async () => {
    const { exitCode, output } = await leavesNothing(startDemo(['--sabotage=allow-all']));
    assert.equal(exitCode, 1, output);
    assert.match(output, /the gate did not do its work/u);
  });

  for (const [to, moment] of [
    ['process', 'starting the private PostgreSQL'],
    ['group', '[5/6]'],
  ] as const) {
    it(`leaves nothing when its ${to} is interrupted at “${moment}”`, async () => {
      const demo = startDemo();
      await demo.said(moment);
      demo.signal('SIGINT', to);
      const { exitCode, output } = await leavesNothing(demo);
      assert.notEqual(exitCode, 0, output);
    });
  }
});
