import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

describe('the test run', () => {
  let dir: string;
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'touchstone-run-'))));
  afterEach(() => rmSync(dir, { recursive: true }));

  /** Runs these tests as `npm test -- FILE` would. */
  function run(tests: string, env: NodeJS.ProcessEnv = {}) {
    const file = join(dir, 'given.test.ts');
    writeFileSync(file, tests);
    const { TOUCHSTONE_COUNTS: _, TOUCHSTONE_CASES_FILE: __, ...outer } = process.env;
    const { status, stdout } = spawnSync(process.execPath, ['test/support/run-tests.ts', file], {
      cwd: root,
      env: { ...outer, ...env },
      encoding: 'utf8',
    });
    return { status, stdout, closingLine: stdout.trimEnd().split('\n').at(-1) };
  }

  it('ends in the closing line', () => {
    const { status, closingLine } = run(`it('holds', () => {});`);
    assert.equal(closingLine, '1 passed, 0 failed, 0 skipped');
    assert.equal(status, 0);
  });

  it('fails where a test fails', () => {
    const { status, closingLine } = run(`it('holds', () => {}); it('fails', () => { throw 1; });`);
    assert.equal(closingLine, '1 passed, 1 failed, 0 skipped');
    assert.equal(status, 1);
  });

  it('fails for a skip that test/skips.json does not name, and names it', () => {
    const { status, stdout, closingLine } = run(`it('holds', () => {}); it.skip('later');`);
    assert.match(stdout, /test\/skips\.json does not name it: later/);
    assert.equal(closingLine, '1 passed, 1 failed, 1 skipped');
    assert.equal(status, 1);
  });

  it('fails where nothing was tried', () => {
    assert.equal(run('').status, 1);
  });

  it('fails where the tests cannot be loaded', () => {
    const { status, closingLine } = run(`import './nonesuch.ts';`);
    assert.equal(closingLine, '0 passed, 1 failed, 0 skipped');
    assert.equal(status, 1);
  });

  it('names each case without a record when all are asked for', () => {
    const { status, stdout } = run(`it('holds', () => {});`, { TOUCHSTONE_CASES: 'all' });
    assert.match(stdout, /^case Q6 has no record$/m);
    assert.equal(status, 1);
  });

  it('fails where it was ended, and says so', () => {
    const ending = `process.kill(process.ppid, 'SIGTERM'); await new Promise(() => {});`;
    const { status, stdout } = run(`it('waits', async () => { ${ending} });`);
    assert.match(stdout, /^ended before its time$/m);
    assert.equal(status, 1);
  });

  it('leaves its counts, and the closing line, to whoever asks for them', () => {
    const counts = join(dir, 'counts.json');
    const { stdout } = run(`it('holds', () => {});`, { TOUCHSTONE_COUNTS: counts });
    assert.doesNotMatch(stdout, /1 passed/);
  });
});
