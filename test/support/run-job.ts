import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CASES_FILE } from './cases-file.ts';
import { type Counts, COUNTS_FILE, readCounts } from './counts.ts';
import type { Job } from './test-jobs.ts';

export type JobOutcome = Counts & {
  /** The numbers of cases that this job did not record; null where it did not get as far as to say. */
  readonly unrecorded: readonly string[] | null;
};

/** What is said before it is over: to the terminal as it comes, or kept until the job is over. */
export type Say = 'inherit' | ((text: string) => void);

/** One mocha process. `running` holds it for as long as it lives. */
export async function runJob(
  { files }: Pick<Job, 'files'>,
  { say, running }: { readonly say: Say; readonly running: Set<ChildProcess> },
): Promise<JobOutcome> {
  const dir = mkdtempSync(join(tmpdir(), 'touchstone-test-'));
  const [counts, cases] = [join(dir, 'counts.json'), join(dir, 'cases.json')];
  try {
    const child = spawn(process.execPath, ['node_modules/mocha/bin/mocha.js', ...files], {
      stdio: say === 'inherit' ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...(say !== 'inherit' && process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}),
        [COUNTS_FILE]: counts,
        [CASES_FILE]: cases,
      },
    });
    running.add(child);
    if (say !== 'inherit') {
      for (const stream of [child.stdout, child.stderr])
        stream?.setEncoding('utf8').on('data', say);
    }
    const [code] = (await once(child, 'close')) as [number | null];
    running.delete(child);
    const { passed, failed, skipped } = readCounts(counts) ?? { passed: 0, failed: 0, skipped: 0 };
    // Mocha that ends badly without a failed test did not get as far as to run them.
    const unexplained = code !== 0 && failed === 0 ? 1 : 0;
    return { passed, failed: failed + unexplained, skipped, unrecorded: namesIn(cases) };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function namesIn(file: string): readonly string[] | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as string[];
  } catch {
    return null;
  }
}
