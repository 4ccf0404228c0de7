import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runAgentIn } from './support/command.ts';
import { type GateAtSocket, startGateAtSocket } from './start-gate.ts';

/** A library of the system that `cat` does not load by itself, and this process has. */
const { sharedObjects } = process.report.getReport() as unknown as {
  readonly sharedObjects: readonly string[];
};
const LIBRARY = sharedObjects.find((path) => /\/libm\.so/u.test(path));

describe('The environment of a command that was permitted', () => {
  let gate: GateAtSocket;
  let digests: string[];

  before(async () => {
    gate = await startGateAtSocket();
  });
  beforeEach(() => {
    digests = [];
    gate.verifier.behave({
      permits: ({ permit }, honest) => {
        digests.push(permit.request.definitionDigest);
        return honest();
      },
    });
  });
  after(() => gate?.close());

  const run = (environment: Readonly<Record<string, string>>, ...args: readonly string[]) =>
    runAgentIn(environment, 'run', '--state', gate.host.stateDir, '--vm', gate.vm, ...args);

  it('is none of the caller’s: no variable of theirs is there', async () => {
    const { stdout, code } = await run({ QEMU_MODULE_DIR: '/tmp', PROBE: 'x' }, '--', 'env');
    assert.equal(code, 0);
    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.replace(/=.*/u, ''))
      .toSorted();
    assert.deepEqual(names, ['HOME', 'LANG', 'LOGNAME', 'PATH', 'USER']);
    assert.match(stdout, /^PATH=\/usr\/local\/sbin:/mu);
  });

  it('loads no library of the caller’s into it', async () => {
    assert.ok(LIBRARY !== undefined);
    const env = { ...process.env, LD_PRELOAD: LIBRARY };
    const [program, maps] = ['/bin/cat', '/proc/self/maps'];
    assert.ok(execFileSync(program, [maps], { env, encoding: 'utf8' }).includes(LIBRARY));
    const command = ['/bin/sh', '-c', `${program} ${maps}`];
    const { stdout, code, stderr } = await run({ LD_PRELOAD: LIBRARY }, '--', ...command);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /libc\.so/u);
    assert.ok(!stdout.includes(LIBRARY));
  });

  it('has what --env names, as part of the definition', async () => {
    const args = ['--env', 'PROBE', '--', 'printenv', 'PROBE'];
    for (const value of ['one', 'two', 'two']) {
      const { stdout, code } = await run({ PROBE: value }, ...args);
      assert.deepEqual([code, stdout], [0, `${value}\n`]);
    }
    assert.equal(new Set(digests).size, 2);
    assert.equal(digests[1], digests[2]);
  });

  it('covers what a variable’s files hold', async () => {
    const file = join(gate.host.stateDir, 'named');
    for (const content of ['one', 'two']) {
      await writeFile(file, content);
      const { code } = await run({ PROBE: `/nowhere:${file}` }, '--env', 'PROBE', '--', 'true');
      assert.equal(code, 0);
    }
    assert.equal(new Set(digests).size, 2);
  });

  it('has nothing by which libraries are loaded that no digest covers: DEFINITION_UNCOVERED', async () => {
    for (const name of ['LD_LIBRARY_PATH', 'LD_AUDIT', 'QEMU_MODULE_DIR', 'GCONV_PATH']) {
      const { code, stderr } = await run({ [name]: '/tmp' }, '--env', name, '--', 'true');
      assert.equal(code, 1, name);
      assert.match(stderr, /DEFINITION_UNCOVERED/u);
      assert.ok(stderr.includes(name));
    }
    assert.deepEqual(digests, []);
  });

  it('is asked for by names that are set: exit code 64', async () => {
    for (const name of ['NOT_SET_HERE', 'A=B', '']) {
      const { code, stderr } = await run({}, '--env', name, '--', 'true');
      assert.equal(code, 64, stderr);
      assert.match(stderr, /--env/u);
    }
  });
});
