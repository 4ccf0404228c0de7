import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Of the machine, and not those that this process was left with. */
export const CORES = cpus().length;

/** What is measured and its floor have this one to themselves, as far as this machine allows. */
export const MEASURED_CORE = 0;

/** Clients and databases; the same one where there is no other. */
export const OTHER_CORE = CORES > 1 ? 1 : 0;

/** All threads of a running process, and what they start afterwards. */
export async function pin(pid: number, core: number): Promise<void> {
  await run('taskset', ['--all-tasks', '--cpu-list', '--pid', `${core}`, `${pid}`]);
}

/** CPU time, user and system, of all threads of a process, in nanoseconds. */
export async function cpuOf(pid: number): Promise<number> {
  let total = 0;
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    // A thread may end between the two.
    const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0');
    total += Number(text.split(' ')[0]);
  }
  return total;
}
