import { setTimeout as sleep } from 'node:timers/promises';
import { startAgent } from './measured-agent.ts';
import { startIdleNode } from './idle-node.ts';
import { childrenOf, pssOf } from './memory.ts';
import { median } from '../median.ts';
import { cpuOf } from '../processor.ts';
import type { Figure, Row, Run } from '../row.ts';

const REACH_MB = 130;
/** Of one core. Below it is what an idle Node takes as well. */
const REACH_PERCENT = 0.1;
/** From the first attestation until what it has left behind is collected. */
const SETTLING_MS = 15_000;
const WINDOW_MS = 2_000;

export const agent: Row = {
  name: 'agent',
  summary: 'memory of the agent, and its CPU between attestations, against an idle Node',
  measure,
};

async function measure({ rounds, quick, progress, deployment }: Run): Promise<Figure[]> {
  progress('stripping the types, and enrolling a host');
  await using measured = await startAgent(await deployment(), 'bench-agent');
  await using idle = await startIdleNode();
  progress('the agent settles');
  await sleep(quick ? 500 : SETTLING_MS);
  const pids = [measured.pid, ...(await childrenOf(measured.pid))];
  const seen = { pss: [] as number[], idlePss: [] as number[], cpu: [] as number[] };
  const idleCpu: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`round ${round} of ${rounds}`);
    const before = [await cpuOfAll(pids), await cpuOf(idle.pid)] as const;
    const begun = performance.now();
    await sleep(quick ? 200 : WINDOW_MS);
    const windowNs = (performance.now() - begun) * 1e6;
    seen.cpu.push((100 * ((await cpuOfAll(pids)) - before[0])) / windowNs);
    idleCpu.push((100 * ((await cpuOf(idle.pid)) - before[1])) / windowNs);
    seen.pss.push((await pssOf(...pids)) / 1e6);
    seen.idlePss.push((await pssOf(idle.pid)) / 1e6);
  }
  const [pss, cpu] = [median(seen.pss), median(seen.cpu)];
  const [idlePss, idlePercent] = [median(seen.idlePss), median(idleCpu)];
  return [
    {
      what: `memory (PSS) of its ${pids.length} processes, types stripped`,
      measured: { value: pss, unit: 'MB' },
      against: { name: 'idle Node', value: idlePss, unit: 'MB' },
      ...{ ratio: pss / idlePss, reach: `under ${REACH_MB} MB`, reached: pss < REACH_MB },
    },
    {
      what: 'their CPU between attestations',
      measured: { value: cpu, unit: '%' },
      against: { name: 'idle Node', value: idlePercent, unit: '%' },
      ...{ ratio: idlePercent === 0 ? null : cpu / idlePercent, reach: `under ${REACH_PERCENT} %` },
      reached: cpu < REACH_PERCENT,
    },
  ];
}

const cpuOfAll = async (pids: readonly number[]): Promise<number> =>
  (await Promise.all(pids.map(cpuOf))).reduce((sum, one) => sum + one, 0);
