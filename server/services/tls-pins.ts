import { setTimeout as sleep } from 'node:timers/promises';
import { CaTlsPins } from '@touchstone/schemas';
import { type Client, ProblemError, type TlsIdentity } from '@touchstone/transport';
import type { Queryable } from '../store/database.ts';
import { announcePins, livePins } from '../store/tls-pins.ts';
import type { DatabaseClock } from './database-clock.ts';

const ANNOUNCE_EVERY_MS = 30_000;
const LOOK_EVERY_MS = 2_000;

type Parts = { readonly database: Queryable; readonly clock: Pick<DatabaseClock, 'now'> };

/** TLS keys of the CA that this server takes. The configured pin vouches for the first; the CA itself for what follows. */
export type CaPins = {
  accepted(): readonly string[];
  read(): Promise<void>;
};

export async function openCaPins(database: Queryable, configured: string): Promise<CaPins> {
  let pins: readonly string[] = [];
  const read = async () => {
    const announced = await livePins(database, 'ca', configured);
    pins = announced.length > 0 ? announced : [configured];
  };
  await read();
  return { accepted: () => pins, read };
}

/** Asks the CA, over a connection by a key that is accepted, which keys it shows and will show. */
export async function pollCaPins(
  { database, clock, caPins }: Parts & { readonly caPins: CaPins },
  ca: Pick<Client, 'request'>,
  configured: string,
): Promise<void> {
  try {
    const { pins } = await ca.request({ method: 'GET', path: '/v1/tls-pins', schema: CaTlsPins });
    const announced = { pins, anchoredBy: configured, now: clock.now() };
    await announcePins(database, { side: 'ca', ...announced });
  } catch (error) {
    // A CA of a version before it has one key, and says nothing.
    if (!(error instanceof ProblemError) || error.status !== 404) throw error;
  }
  await caPins.read();
}

/** This replica's own: trust bundles have those of all replicas. Rejects with CLOCK_OFF, as whatever needs the time. */
export async function announceOwnPins(
  { database, clock }: Parts,
  tls: Pick<TlsIdentity, 'pins'>,
): Promise<void> {
  await announcePins(database, { side: 'server', pins: tls.pins, now: clock.now() });
}

export async function keepPins(
  parts: Parts & { readonly caPins: CaPins },
  given: {
    readonly ca: Pick<Client, 'request'>;
    readonly configured: string;
    readonly tls: Pick<TlsIdentity, 'pins'>;
    /** Hosts are told. */
    readonly announced: () => Promise<void>;
  },
  kept: { readonly signal: AbortSignal; readonly onFailure: (error: unknown) => void },
): Promise<void> {
  const { signal, onFailure } = kept;
  let told = given.tls.pins.join();
  for (let waitedMs = 0; !signal.aborted;) {
    await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
    if (signal.aborted) return;
    waitedMs += LOOK_EVERY_MS;
    // What agents have to hear of is told at once.
    const changed = given.tls.pins.join() !== told;
    if (waitedMs < ANNOUNCE_EVERY_MS && !changed) continue;
    waitedMs = 0;
    told = given.tls.pins.join();
    await announceOwnPins(parts, given.tls).catch(onFailure);
    await pollCaPins(parts, given.ca, given.configured).catch(onFailure);
    if (changed) await given.announced().catch(onFailure);
  }
}
