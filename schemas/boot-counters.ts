import type { Static } from 'typebox';
import { closed, Uint32, Uint64Decimal } from './scalars.ts';

/** The TPM's counters when the quote was made. TCG Part 2, 10.11.1 TPMS_CLOCK_INFO. */
export const BootCounters = closed({
  resetCount: Uint32,
  restartCount: Uint32,
  clock: Uint64Decimal,
});
export type BootCounters = Static<typeof BootCounters>;
