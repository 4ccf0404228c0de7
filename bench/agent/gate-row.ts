import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BaselineList, StartAnswer, Vm } from '@touchstone/schemas';
import { type Client, unixClient } from '@touchstone/transport';
import type { Journal } from './journal.ts';
import { type MeasuredAgent, startAgent } from './measured-agent.ts';
import type { Deployment } from '../deployment.ts';
import { authorityOf } from '../host/authority.ts';
import { approveBoot, LABELS, PCRS } from '../http/approve-boot.ts';
import { Fleet } from '../http/fleet.ts';
import { ownerOf } from '../http/processes.ts';
import { median } from '../median.ts';
import { OTHER_CORE, pin } from '../processor.ts';
import type { Figure, Row, Run } from '../row.ts';
import { AttestingBeside } from './attesting-beside.ts';

/** DESIGN section 10: beyond the TPM's quote. */
const MEDIAN_MS = 50;
const P99_MS = 200;
const AT_ONCE_MS = 5_000;
const HOSTS = 1_000;
/** Of lone starts, in each round. */
const STARTS = 100;
const AT_ONCE = 200;
const MAX_PAUSE_MS = 120;
const PATIENCE_MS = 60_000;

export const gate: Row = {
  name: 'gate',
  summary: 'a start beyond the TPM’s quote, with 1,000 hosts attesting beside it',
  measure,
};

async function measure({ rounds, quick, progress, deployment: started }: Run): Promise<Figure[]> {
  const deployment = await started();
  await pin(process.pid, OTHER_CORE);
  const authority = await authorityOf(join(deployment.data, 'ca'));
  await approveBoot(deployment, authority);
  const login = await ownerOf(deployment);
  progress('enrolling the hosts beside it');
  await using fleet = await Fleet.open({
    ...{ login, authority, labels: LABELS, pcrs: PCRS, name: 'beside' },
  });
  const count = quick ? 20 : HOSTS;
  const hosts = await fleet.growTo(count, count, progress);
  progress('stripping the types, and enrolling the host that starts VMs');
  await using agent = await startAgent(deployment, 'bench-gate');
  await approveBootOf(deployment, agent);
  const vms = await addVms(deployment, quick ? 10 : AT_ONCE);
  const client = unixClient({ path: agent.socketPath, timeoutMs: PATIENCE_MS });
  try {
    await using beside = new AttestingBeside(deployment.url, hosts);
    const alone: Start[] = [];
    const atOnce: number[] = [];
    const startOf = (vm: string) => start(client, agent.journal, vm);
    for (let warm = 0; warm < (quick ? 1 : 10); warm += 1) await startOf(vms[0]!);
    for (let round = 1; round <= rounds; round += 1) {
      progress(`round ${round} of ${rounds}`);
      for (let at = 0; at < (quick ? 3 : STARTS); at += 1) {
        alone.push(await startOf(vms[at % vms.length]!));
        await sleep(Math.random() * MAX_PAUSE_MS);
      }
      const starts = await Promise.all(vms.map(startOf));
      atOnce.push(Math.max(...starts.map(({ wholeMs }) => wholeMs)));
    }
    const figures = figuresOf({ alone, atOnce: median(atOnce), count, vms: vms.length });
    return [...figures, besideOf(beside, count, quick)];
  } finally {
    await client.close();
  }
}

/** What the host booted is a good boot. */
async function approveBootOf({ operator }: Deployment, { name }: MeasuredAgent): Promise<void> {
  const captured = { name, labels: { site: name }, acceptUnverified: true };
  await operator(`/v1/hosts/${name}/baseline`, BaselineList, captured);
  await operator(`/v1/baselines/${name}/approval`, BaselineList, {});
}

async function addVms({ operator }: Deployment, count: number): Promise<string[]> {
  const uuids = Array.from({ length: count }, () => randomUUID());
  for (const uuid of uuids) {
    const name = `vm-${uuid.slice(0, 13)}`;
    await operator('/v1/vms', Vm, {
      uuid,
      name,
      classes: ['software'],
      hostLabels: {},
      images: [],
    });
  }
  return uuids;
}

/** Milliseconds until a start was permitted, and of these the TPM's for its quote. */
type Start = { readonly wholeMs: number; readonly quoteMs: number };

/** @throws Error where it was not permitted */
async function start(client: Client, journal: Journal, vm: string): Promise<Start> {
  const begun = performance.now();
  const answer = await client.request({
    method: 'POST',
    path: '/v1/starts',
    body: {
      ...{ vm, operation: 'start', workingDirectory: '/', environment: {} },
      command: ['/bin/true'],
    },
    schema: StartAnswer,
  });
  if (answer.decision !== 'permitted') throw new Error(JSON.stringify(answer));
  const wholeMs = performance.now() - begun;
  return { wholeMs, quoteMs: await journal.quoteMs(answer.requestId) };
}

function figuresOf(seen: {
  readonly alone: readonly Start[];
  readonly atOnce: number;
  readonly count: number;
  readonly vms: number;
}): Figure[] {
  const beyond = seen.alone.map(({ wholeMs, quoteMs }) => wholeMs - quoteMs);
  const sorted = beyond.toSorted((a, b) => a - b);
  const p99 = sorted[Math.ceil(sorted.length * 0.99) - 1] ?? NaN;
  const beside = `${seen.count.toLocaleString('en')} hosts beside`;
  const held = (what: string, value: number, reach: number): Figure => ({
    what,
    measured: { value, unit: 'ms' },
    against: { name: 'reach', value: reach, unit: 'ms' },
    ...{ ratio: value / reach, reach: `under ${reach} ms`, reached: value < reach },
  });
  const [wholeMs, quoteMs] = [
    median(seen.alone.map((one) => one.wholeMs)),
    median(seen.alone.map((one) => one.quoteMs)),
  ];
  return [
    held(`one start beyond its quote, median, ${beside}`, median(sorted), MEDIAN_MS),
    held(`one start beyond its quote, p99, ${beside}`, p99, P99_MS),
    {
      what: 'the same starts with their quotes, median',
      measured: { value: wholeMs, unit: 'ms' },
      against: { name: 'the quote', value: quoteMs, unit: 'ms' },
      ...{ ratio: wholeMs / quoteMs, reach: null, reached: true },
    },
    held(`${seen.vms} starts at once, the last`, seen.atOnce, AT_ONCE_MS),
  ];
}

/** That the others really attested. */
function besideOf({ perSecond, failed }: AttestingBeside, count: number, quick: boolean): Figure {
  const wanted = count / 60;
  const ratio = perSecond / wanted;
  return {
    what: `attestations a second beside it (${failed} failed)`,
    measured: { value: perSecond, unit: 'x' },
    against: { name: 'one a minute each', value: wanted, unit: 'x' },
    ...{ ratio, reach: 'nine tenths', reached: quick || (failed === 0 && ratio >= 0.9) },
  };
}
