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
/** Of a round: from one look at what runs to the next (agent/watch/watch.ts); each third goes deeper (look.ts). */
const WINDOW_MS = 15_000;
const SAMPLE_MS = 500;
/** Before the end of an attestation, and after it. */
const ATTESTING_MS = { before: 2_000, after: 1_000 };

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
  const seen = { pss: [] as number[], idlePss: [] as number[] };
  const samples: Sample[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`round ${round} of ${rounds}`);
    const until = performance.now() + (quick ? SAMPLE_MS : WINDOW_MS);
    while (performance.now() < until) samples.push(await sample({ pids, idle: idle.pid }));
    seen.pss.push((await pssOf(...pids)) / 1e6);
    seen.idlePss.push((await pssOf(idle.pid)) / 1e6);
  }
  const [pss, idlePss] = [median(seen.pss), median(seen.idlePss)];
  const between = quick ? samples : samples.filter(isBetween(measured.journal.attestedAt));
  const [cpu, idlePercent] = [percentOf(between, 'cpuNs'), percentOf(between, 'idleNs')];
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

/** CPU time of half a second, from and until by performance.now(). */
type Sample = {
  readonly from: number;
  readonly until: number;
  readonly cpuNs: number;
  readonly idleNs: number;
};

async function sample(of: { readonly pids: readonly number[]; idle: number }): Promise<Sample> {
  const from = performance.now();
  const before = [await cpuOfAll(of.pids), await cpuOf(of.idle)] as const;
  await sleep(SAMPLE_MS);
  const after = [await cpuOfAll(of.pids), await cpuOf(of.idle)] as const;
  const until = performance.now();
  return { from, until, cpuNs: after[0] - before[0], idleNs: after[1] - before[1] };
}

const isBetween =
  (attestedAt: readonly number[]) =>
  ({ from, until }: Sample): boolean =>
    attestedAt.every((at) => until < at - ATTESTING_MS.before || from > at + ATTESTING_MS.after);

/** Of one core. */
function percentOf(samples: readonly Sample[], which: 'cpuNs' | 'idleNs'): number {
  const tookNs = samples.reduce((sum, { from, until }) => sum + (until - from) * 1e6, 0);
  return (100 * samples.reduce((sum, one) => sum + one[which], 0)) / tookNs;
}

const cpuOfAll = async (pids: readonly number[]): Promise<number> =>
  (await Promise.all(pids.map(cpuOf))).reduce((sum, one) => sum + one, 0);
