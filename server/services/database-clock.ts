import { setTimeout as sleep } from 'node:timers/promises';
import { refusal } from '../codes.ts';
import type { Queryable } from '../store/database.ts';

const MEASURE_EVERY_MS = 10_000;
/** A measurement older than this says nothing about now. */
const MAX_AGE_MS = 35_000;
const MAX_OFFSET_MS = 2_000;

/** Time as PostgreSQL tells it: all replicas have the same, whatever their own clocks say. */
export type DatabaseClock = {
  /** @throws AppError CLOCK_OFF */
  now(): Date;
  measure(): Promise<void>;
  /** Measures until the signal aborts. */
  keep(signal: AbortSignal, onFailure: (error: unknown) => void): Promise<void>;
};

export type OwnClocks = {
  /** Wall clock, ms: only compared, never served. */
  readonly wallMs: () => number;
  /** Monotonic, ms. */
  readonly monotonicMs: () => number;
};

const OWN_CLOCKS: OwnClocks = { wallMs: Date.now, monotonicMs: () => performance.now() };

export function databaseClock(on: Queryable, clocks: OwnClocks = OWN_CLOCKS): DatabaseClock {
  let measured: { databaseMs: number; atMs: number; offsetMs: number } | undefined;

  const measure = async () => {
    const before = clocks.monotonicMs();
    const { rows } = await on.query<{ ms: number }>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
    );
    const after = clocks.monotonicMs();
    const databaseMs = rows[0]?.ms;
    if (databaseMs === undefined) throw new Error('the database told no time');
    // The answer was made somewhere between; half the round trip is the best guess.
    const atMs = before + (after - before) / 2;
    const offsetMs = databaseMs + (after - atMs) - clocks.wallMs();
    measured = { databaseMs, atMs, offsetMs };
  };

  return {
    measure,
    now() {
      if (measured === undefined) throw refusal('CLOCK_OFF', { detail: 'Not measured yet.' });
      const ageMs = clocks.monotonicMs() - measured.atMs;
      if (ageMs > MAX_AGE_MS) {
        throw refusal('CLOCK_OFF', { detail: `Not measured for ${Math.round(ageMs / 1_000)} s.` });
      }
      if (Math.abs(measured.offsetMs) > MAX_OFFSET_MS) {
        throw refusal('CLOCK_OFF', {
          detail: `This machine's clock is ${Math.round(measured.offsetMs)} ms behind the database's.`,
        });
      }
      return new Date(measured.databaseMs + ageMs);
    },
    async keep(signal, onFailure) {
      while (!signal.aborted) {
        await sleep(MEASURE_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
        if (!signal.aborted) await measure().catch(onFailure);
      }
    },
  };
}
