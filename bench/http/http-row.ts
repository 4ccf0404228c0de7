import { join } from 'node:path';
import { authorityOf } from '../host/authority.ts';
import { evidenceOf } from '../host/evidence.ts';
import type { SoftwareHost } from '../host/software-host.ts';
import { approveBoot, LABELS, PCRS } from './approve-boot.ts';
import { Fleet } from './fleet.ts';
import { attestations, bareExchanges, TpmClock } from './load.ts';
import { type Measured, ownerOf, startBareExchange, startServer } from './processes.ts';
import { medianRound, type Round } from '../median.ts';
import { OTHER_CORE, pin } from '../processor.ts';
import type { Figure, Row, Run } from '../row.ts';

const REACH = 2.5;
const FLAT = 1.2;
/** Attestations a round. */
const SAMPLE = 500;
/**
 * Of a large fleet so many attest in turn: more than a server process remembers by their keys, so that each comes as
 * it would with 100,000 others since its last time.
 */
const TURN = 12_000;

export const http: Row = {
  name: 'http',
  summary: 'one steady attestation over HTTP, its result stored, in fleets of two sizes',
  measure,
};

async function measure(run: Run): Promise<Figure[]> {
  const deployment = await run.deployment();
  await pin(process.pid, OTHER_CORE);
  const authority = await authorityOf(join(deployment.data, 'ca'));
  await approveBoot(deployment, authority);
  const login = await ownerOf(deployment);
  await using fleet = await Fleet.open({
    ...{ login, authority, labels: LABELS, pcrs: PCRS, name: 'bench' },
  });
  await using server = await startServer(deployment);
  await using bare = await startBareExchange(deployment);
  const [small, large] = run.quick ? [10, 50] : [100, run.hosts];
  const few = await measureFleet(fleet, { server, bare }, { size: small, run });
  const many = await measureFleet(fleet, { server, bare }, { size: large, run });
  const flat = many.ratio / few.ratio;
  return [
    held(few, `${inWords(small)} hosts`),
    held(many, `${inWords(large)} hosts`),
    {
      what: `flat: ${inWords(large)} hosts against ${inWords(small)}`,
      measured: { value: many.ratio, unit: 'x' },
      against: { name: `${inWords(small)} hosts`, value: few.ratio, unit: 'x' },
      ...{ ratio: flat, reach: `under ${FLAT} times`, reached: flat < FLAT },
    },
  ];
}

const inWords = (count: number): string => count.toLocaleString('en');

type Outcome = ReturnType<typeof medianRound>;

/** CPU time of the server for one attestation, in turns with the floor's for one exchange. */
async function measureFleet(
  fleet: Fleet,
  { server, bare }: { readonly server: Measured; readonly bare: Measured },
  { size, run: { rounds, quick, progress } }: { readonly size: number; readonly run: Run },
): Promise<Outcome> {
  progress(`enrolling ${inWords(size)} hosts`);
  const count = quick ? 10 : SAMPLE;
  const hosts = await fleet.growTo(size, Math.min(size, TURN), progress);
  const next = inTurn(hosts);
  const asked = { purpose: 'attest', challenge: 'A'.repeat(82), pcrs: PCRS } as const;
  const body = evidenceOf(hosts[0]!, { ...asked, clockMs: 1n });
  const measured: Round[] = [];
  const clock = new TpmClock();
  // Steady state: each host has attested before, and the compiler has seen everything.
  const first = Math.max(hosts.length, quick ? 0 : 3 * SAMPLE);
  for (let seen = 0; seen < first; seen += count) {
    if (seen % 2_000 === 0) progress(`${inWords(size)} hosts: the first attestations`);
    await attestations(server, next(count), clock);
    if (seen < 3 * SAMPLE) await bareExchanges(bare, body, hosts.slice(0, count));
  }
  for (let round = 1; round <= rounds; round += 1) {
    progress(`${inWords(size)} hosts: round ${round} of ${rounds}`);
    const sample = next(count);
    const floor = await bareExchanges(bare, body, sample);
    measured.push({ measured: await attestations(server, sample, clock), floor });
  }
  return medianRound(measured);
}

/** The next so many, round and round. */
function inTurn(hosts: readonly SoftwareHost[]): (count: number) => SoftwareHost[] {
  let at = 0;
  return (count) => Array.from({ length: count }, () => hosts[at++ % hosts.length]!);
}

const held = ({ measured, floor, ratio }: Outcome, fleet: string): Figure => ({
  what: `server CPU for one attestation, ${fleet}`,
  measured: { value: measured, unit: 'ms' },
  against: { name: 'bare exchange', value: floor, unit: 'ms' },
  ...{ ratio, reach: `under ${REACH} times`, reached: ratio < REACH },
});
