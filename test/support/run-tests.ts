/**
 * `npm test`: every test of every room and those that cross rooms, in one mocha process, and one
 * closing line. With arguments, mocha's, only what they name; then not all cases need a record.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COUNTS_FILE, close, readCounts } from './counts.ts';

const EVERYTHING = ['*/test/**/*.test.ts', 'test/**/*.test.ts'];
const chosen = process.argv.slice(2);

const dir = mkdtempSync(join(tmpdir(), 'touchstone-test-'));
const file = join(dir, 'counts.json');
const mocha = spawn(
  process.execPath,
  ['node_modules/mocha/bin/mocha.js', ...(chosen.length > 0 ? chosen : EVERYTHING)],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      [COUNTS_FILE]: file,
      ...(chosen.length > 0 ? {} : { TOUCHSTONE_CASES: 'all' }),
    },
  },
);
// From a terminal the whole group gets it, and mocha ends by itself; then this still closes.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => mocha.kill('SIGTERM'));
const [code] = (await once(mocha, 'exit')) as [number | null];

const counts = readCounts(file) ?? { passed: 0, failed: 0, skipped: 0 };
rmSync(dir, { recursive: true });
// Mocha that ends badly without a failed test did not get as far as to run them.
const unexplained = code !== 0 && counts.failed === 0 ? 1 : 0;
process.exitCode = close({ ...counts, failed: counts.failed + unexplained });
