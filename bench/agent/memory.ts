import { readFile, readlink } from 'node:fs/promises';

/** Those that a process started and that still run. */
export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

/**
 * Proportional set size in bytes of these processes of one program, as it would be if they were the only ones of it on
 * the machine, as an agent is on a hypervisor: pages that processes share are divided among them (proc_pid_smaps(5)), but
 * for those of the program itself, which count once and whole.
 */
export async function pssOf(...pids: readonly number[]): Promise<number> {
  const seen = await Promise.all(pids.map(residentOf));
  const own = seen.reduce((sum, one) => sum + one.own, 0);
  return (own + Math.max(...seen.map(({ program }) => program))) * 1_024;
}

/** In KiB. */
async function residentOf(pid: number): Promise<{ own: number; program: number }> {
  const path = await readlink(`/proc/${pid}/exe`);
  const smaps = await readFile(`/proc/${pid}/smaps`, 'utf8');
  const kib = { own: 0, program: 0 };
  for (const mapping of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/mu)) {
    const [header = ''] = mapping.split('\n', 1);
    const isProgram = header.endsWith(path);
    const [counted, to] = isProgram ? (['Rss', 'program'] as const) : (['Pss', 'own'] as const);
    kib[to] += Number(new RegExp(`^${counted}:\\s+(\\d+) kB$`, 'mu').exec(mapping)?.[1]);
  }
  if (!(kib.own > 0)) throw new Error(`/proc/${pid}/smaps could not be read`);
  return kib;
}
