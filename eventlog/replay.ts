import { type BankName, hash, hashOfBank } from '@touchstone/tpm';
import type { EventLog } from './event-log.ts';
import type { LogEvent } from './log-event.ts';
import {
  findStartupLocality,
  type LocalityProblem,
  type StartupLocality,
} from './startup-locality.ts';

/** A PCR whose value in this bank the log cannot explain, and the first event for which it cannot. */
export type IncompleteBank = {
  readonly bank: BankName;
  readonly pcr: number;
  readonly index: number;
};

export type Replay = {
  /**
   * What each PCR would hold had the log's events extended it, for the PCRs that an event extended, in
   * every declared bank that is known here. Never read one that `incompleteBanks` names: it is not
   * what the TPM holds, and equality would be a coincidence that proves nothing.
   */
  readonly banks: ReadonlyMap<BankName, ReadonlyMap<number, Uint8Array>>;
  /** PCRs that an event extends, by bank, those with missing digests included. */
  readonly extended: ReadonlyMap<BankName, ReadonlySet<number>>;
  /** One entry a bank and PCR. */
  readonly incompleteBanks: readonly IncompleteBank[];
  /** Where the log states it, by a StartupLocality event or an H-CRTM, without contradiction. */
  readonly startupLocality?: StartupLocality;
  /** Contradictions about it. Each also makes PCR 0 incomplete in every bank. */
  readonly problems: readonly LocalityProblem[];
};

/**
 * The PCR values that a log leads to: PCR = H(PCR || digest) from zeros, PCR 0 from the startup
 * locality. PCRs 17-22 are taken from zeros too, which is where a dynamic launch starts them.
 */
export function replayEventLog(log: EventLog): Replay {
  const known = log.specId.algorithms.flatMap(({ bank }) => (bank === null ? [] : [bank]));
  const { locality, problems } = findStartupLocality(log.events);
  const replays = known.map((bank) => replayBank(bank, log.events, locality, problems[0]?.index));
  return {
    banks: new Map(replays.map(({ bank, values }) => [bank, values])),
    extended: new Map(replays.map(({ bank, extended }) => [bank, extended])),
    incompleteBanks: replays.flatMap(({ bank, incomplete }) =>
      [...incomplete].map(([pcr, index]) => ({ bank, pcr, index })),
    ),
    ...(locality !== undefined && { startupLocality: locality }),
    problems,
  };
}

function replayBank(
  bank: BankName,
  events: readonly LogEvent[],
  locality: StartupLocality | undefined,
  problemIndex: number | undefined,
) {
  const values = new Map<number, Uint8Array>();
  const extended = new Set<number>();
  const incomplete = new Map<number, number>();
  if (problemIndex !== undefined) incomplete.set(0, problemIndex);
  for (const event of events) {
    if (!event.extends) continue;
    extended.add(event.pcr);
    const found = event.digests.find((entry) => entry.bank === bank);
    if (!found) {
      if (!incomplete.has(event.pcr)) incomplete.set(event.pcr, event.index);
      continue;
    }
    const before = values.get(event.pcr) ?? initialValue(bank, event.pcr === 0 ? locality : 0);
    values.set(event.pcr, hash(bank, before, found.digest));
  }
  return { bank, values, extended, incomplete };
}

function initialValue(bank: BankName, lastByte = 0): Uint8Array {
  const value = new Uint8Array(hashOfBank(bank).size);
  value[value.length - 1] = lastByte;
  return value;
}
