import { setTimeout as sleep } from 'node:timers/promises';
import { BaselineList, JoinTokenCreated } from '@touchstone/schemas';
import { AppError, pinnedClient } from '@touchstone/transport';
import type { CaReplica } from './ca-replica.ts';
import { SimulatedHost } from './simulated-host.ts';
import type { Touchstone } from './touchstone.ts';

/** As many requests of one process at once: more only wait at the server. */
const AT_ONCE = 8;
/** A machine that is slow refuses nobody. */
const PATIENCE_MS = 60_000;
/** By which the one baseline is for all of them. */
const LABELS = { site: 'simulated' };

/** Hosts that attest and ask for permits without pause, and what they were refused. */
export type SimulatedFleet = {
  readonly hosts: readonly SimulatedHost[];
  /** Of each that failed, who and why. */
  readonly refused: string[];
  readonly counts: { attested: number; permitted: number };
  /** They give nothing until others do; resolves once the last of them has had its answer. */
  leave(hosts: readonly SimulatedHost[]): Promise<void>;
  readonly away: ReadonlySet<SimulatedHost>;
  /** Until `stop`: each in its turn attests, and every second time asks to start the VM. */
  run(vm: string): void;
  stop(): Promise<void>;
};

/** Enrolled; the first one's boot was approved, and is that of all. */
export async function startSimulatedFleet(
  touchstone: Touchstone,
  ca: CaReplica,
  size: number,
): Promise<SimulatedFleet> {
  const server = pinnedClient({
    ...{ url: touchstone.url, pin: touchstone.fingerprint },
    timeoutMs: PATIENCE_MS,
  });
  const hosts = Array.from(
    { length: size },
    (_, index) => new SimulatedHost(`sim-${index}`, { server, ca: ca.client }),
  );
  const body = { classes: ['software'], labels: LABELS, approve: true, uses: size };
  const { token } = await touchstone.operator('POST', '/v1/join-tokens', JoinTokenCreated, body);
  const [first, ...others] = hosts;
  await first?.enrol(token);
  const captured = { name: 'sim', labels: LABELS, acceptUnverified: true };
  await touchstone.operator('POST', '/v1/hosts/sim-0/baseline', BaselineList, captured);
  await touchstone.operator('POST', '/v1/baselines/sim/approval', BaselineList, {});
  await inTurns(others, (host) => patiently(() => host.enrol(token)));

  const counts = { attested: 0, permitted: 0 };
  const refused: string[] = [];
  let running: Promise<void> | undefined;
  let stopped = false;
  let away: ReadonlySet<SimulatedHost> = new Set();
  const busy = new Set<SimulatedHost>();
  return {
    ...{ hosts, refused, counts },
    get away() {
      return away;
    },
    async leave(those) {
      away = new Set(those);
      while (those.some((host) => busy.has(host))) await sleep(10);
    },
    run(vm) {
      const once = async (host: SimulatedHost, round: number) => {
        if (stopped || away.has(host)) return;
        busy.add(host);
        try {
          if (round % 2 === 0) {
            const { state } = await patiently(() => host.attest());
            if (state !== 'trusted') throw new Error(`state ${state}`);
            counts.attested += 1;
          } else {
            await patiently(() => host.permit(vm));
            counts.permitted += 1;
          }
        } catch (error) {
          refused.push(`${host.name}, round ${round}: ${String(error)}`);
        } finally {
          busy.delete(host);
        }
      };
      running = (async () => {
        for (let round = 0; !stopped; round += 1) {
          await inTurns(hosts, (host) => once(host, round));
          // Of none that is there nothing is to be waited for.
          await sleep(10);
        }
      })();
    },
    async stop() {
      stopped = true;
      await running;
      await server.close();
    },
  };
}

async function inTurns<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = all.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const one of left) await work(one);
    }),
  );
}

/** Whoever is asked to come later comes later: all of them have one address here. */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 429) throw error;
      await sleep((error.retryAfterSeconds ?? 1) * 1_000);
    }
  }
}
