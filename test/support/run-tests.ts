/**
 * `npm test`: every test of every room and those that cross rooms, in as many lanes as there are processors,
 * and one closing line. With arguments, mocha's, only what they name, in one process and as it comes; then not
 * all cases need a record, unless TOUCHSTONE_CASES=all asks for them.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { caseTable, casesOfIssuesDone } from './attack.ts';
import { close } from './counts.ts';
import { type JobOutcome, runJob } from './run-job.ts';
import { allJobs, type Job } from './test-jobs.ts';

/** More would only wait for each other's databases and TPMs. */
const MAX_LANES = 4;

// A deployment is six processes of Node, and each would compile the same files. For this user alone: it is code.
const compiled = mkdtempSync(join(tmpdir(), 'touchstone-compiled-'));
process.env['NODE_COMPILE_CACHE'] = compiled;
process.on('exit', () => rmSync(compiled, { recursive: true, force: true }));

const chosen = process.argv.slice(2);
const running = new Set<ChildProcess>();
let ended = false;
// From a terminal the whole group gets it, and mocha ends by itself; then this still closes.
process.on('SIGINT', () => (ended = true));
process.on('SIGTERM', () => {
  ended = true;
  for (const child of running) child.kill('SIGTERM');
});

const outcomes =
  chosen.length > 0 ? [await runJob({ files: chosen }, { say: 'inherit', running })] : await all();
const sum = (of: 'passed' | 'failed' | 'skipped') =>
  outcomes.reduce((total, outcome) => total + outcome[of], 0);
const missing =
  chosen.length === 0 || process.env['TOUCHSTONE_CASES'] === 'all' ? nobodyRecorded(outcomes) : [];
for (const number of missing) console.log(`case ${number} has no record`);
if (ended) console.log('ended before its time');
process.exitCode = close({
  passed: sum('passed'),
  failed: sum('failed') + missing.length + Number(ended),
  skipped: sum('skipped'),
});

async function all(): Promise<JobOutcome[]> {
  const waiting = allJobs(process.cwd());
  const count = waiting.length;
  const done: JobOutcome[] = [];
  const failures: string[] = [];
  const lane = async () => {
    for (let job = waiting.shift(); job !== undefined && !ended; job = waiting.shift()) {
      const begun = performance.now();
      const { outcome, text } = await kept(job);
      done.push(outcome);
      const seconds = Math.round((performance.now() - begun) / 1_000);
      console.log(`\n[${done.length}/${count}] ${job.name} (${seconds} s)\n${text.trimEnd()}`);
      if (outcome.failed > 0) failures.push(`${job.name}\n${epilogueOf(text)}`);
    }
  };
  const lanes = Math.min(MAX_LANES, availableParallelism());
  await Promise.all(Array.from({ length: lanes }, lane));
  for (const failure of failures) console.log(`\nfailed: ${failure}`);
  return done;
}

/** Two jobs at once are read one after the other. */
async function kept(job: Job): Promise<{ readonly outcome: JobOutcome; readonly text: string }> {
  let text = '';
  const outcome = await runJob(job, { say: (more) => (text += more), running });
  return { outcome, text };
}

/** From mocha's sums on: what failed, and why. All of it, where mocha said no sums. */
function epilogueOf(text: string): string {
  const at = text.search(/^.* passing \(/mu);
  return (at === -1 ? text : text.slice(at)).trimEnd();
}

function nobodyRecorded(each: readonly JobOutcome[]): string[] {
  return casesOfIssuesDone(caseTable).filter((number) =>
    each.every(({ unrecorded }) => unrecorded === null || unrecorded.includes(number)),
  );
}
