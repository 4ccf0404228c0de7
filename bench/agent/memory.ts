import { readFile, readlink } from 'node:fs/promises';

/**
 * Proportional set size in bytes as it would be if this were the only Node of the machine, as an agent is on a
 * hypervisor: pages that processes share are divided among them (proc_pid_smaps(5)), but for those of the
 * program itself, which are this process's whole.
 */
export async function pssOf(pid: number): Promise<number> {
  const program = await readlink(`/proc/${pid}/exe`);
  const smaps = await readFile(`/proc/${pid}/smaps`, 'utf8');
  let kib = 0;
  for (const mapping of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/mu)) {
    const [header = ''] = mapping.split('\n', 1);
    const counted = header.endsWith(program) ? 'Rss' : 'Pss';
    kib += Number(new RegExp(`^${counted}:\\s+(\\d+) kB$`, 'mu').exec(mapping)?.[1]);
  }
  if (!(kib > 0)) throw new Error(`/proc/${pid}/smaps could not be read`);
  return kib * 1_024;
}
