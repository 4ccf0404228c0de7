import type { BankName } from '@touchstone/tpm';
import type { EventLog } from './event-log.ts';
import { replayBank } from './replay-bank.ts';
import { banksOf } from './spec-id.ts';
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
 * locality. PCRs 17-22 are taken from zeros too, which is where a dynamic launch starts them. `only`: of these
 * banks, where not all are wanted.
 */
export function replayEventLog(log: EventLog, only?: ReadonlySet<BankName>): Replay {
  const { locality, problems } = findStartupLocality(log.events);
  const [problem] = problems;
  const steps = log.events
    .filter((event) => event.extends)
    .map(({ index, pcr, digests }) => ({ index, register: pcr, digests }));
  const banks = banksOfLog(log).filter((bank) => only?.has(bank) !== false);
  const replays = banks.map((bank) => ({
    bank,
    ...replayBank(bank, steps, (pcr) => (pcr === 0 ? (locality ?? 0) : 0)),
  }));
  return {
    banks: new Map(replays.map(({ bank, values }) => [bank, values])),
    extended: new Map(replays.map(({ bank, extended }) => [bank, extended])),
    incompleteBanks: replays.flatMap(({ bank, incomplete }) => {
      const lacking = new Map(incomplete);
      if (problem !== undefined) lacking.set(0, problem.index);
      return [...lacking].map(([pcr, index]) => ({ bank, pcr, index }));
    }),
    ...(locality !== undefined && { startupLocality: locality }),
    problems,
  };
}

const banksOfLog = (log: EventLog): readonly BankName[] =>
  log.format === 'legacy-sha1' ? ['sha1'] : banksOf(log.specId);
