import { type BankName, ParseError } from '@touchstone/tpm';
import type { ImaCursor } from './ima-cursor.ts';
import { dataOf, ImaReplay, type ImaStyle } from './ima-replay.ts';

/** Of Linux: CONFIG_IMA_MEASURE_PCR_IDX, unless a rule of the host's policy says otherwise. */
export const IMA_PCR = 10;

export type ImaPrefix = {
  /** How many of the entries, from the first, had been extended when the quote was made. */
  readonly entries: number;
  readonly styles: ReadonlyMap<BankName, ImaStyle>;
};

export type ImaPrefixSearch = {
  /** PCR 10 as quoted, in one bank or more: a prefix fits in all of them, or does not. */
  readonly quoted: ReadonlyMap<BankName, Uint8Array>;
  /** What the PCR held before the list's first entry; zeros where nothing is said. */
  readonly before?: ReadonlyMap<BankName, Uint8Array>;
  /** What was found of earlier entries; both are tried where nothing is said. */
  readonly styles?: ReadonlyMap<BankName, ImaStyle>;
  /**
   * Begins a walk along the entries, and is asked for another when one led nowhere: what is given back is shown
   * each entry with its data. Only what the last walk saw, of a prefix that was found, is worth anything.
   */
  readonly walk?: () => ImaWalk;
};

export type ImaWalk = (cursor: ImaCursor, data: Uint8Array) => void;

/**
 * The prefix of a list that leads to the quoted value. A list is read after the quote was made, so there may
 * be more of it; and no other prefix leads there, or hashes collide. Entries of other PCRs extend nothing
 * here. Undefined where no prefix does. What lies behind it is not read.
 *
 * Throws ParseError where the list cannot be read as far as that.
 */
export function findImaPrefix(
  open: () => ImaCursor,
  { quoted, before, styles, walk = () => () => {} }: ImaPrefixSearch,
): ImaPrefix | undefined {
  const startOf = (bank: BankName, style: ImaStyle) =>
    new ImaReplay(bank, style, before?.get(bank));
  const banks = [...quoted.keys()];
  const first = banks.map((bank) => startOf(bank, styles?.get(bank) ?? 'hash'));
  const found = search(open(), first, quoted, walk());
  if (found.entries !== undefined) return { entries: found.entries, styles: stylesOf(first) };
  const second = first.map((replay) => {
    const untold = styles?.get(replay.bank) === undefined && replay.bank !== 'sha1';
    const style = untold && !found.fitting.has(replay.bank) ? 'padded' : replay.style;
    return startOf(replay.bank, style);
  });
  if (second.some(({ style }, at) => style !== first[at]?.style)) {
    const { entries } = search(open(), second, quoted, walk());
    if (entries !== undefined) return { entries, styles: stylesOf(second) };
  }
  if (found.error !== undefined) throw found.error;
  return undefined;
}

const stylesOf = (replays: readonly ImaReplay[]): ReadonlyMap<BankName, ImaStyle> =>
  new Map(replays.map(({ bank, style }) => [bank, style]));

type Search = {
  readonly entries: number | undefined;
  /** Banks that fitted somewhere. */
  readonly fitting: ReadonlySet<BankName>;
  readonly error?: ParseError;
};

function search(
  cursor: ImaCursor,
  replays: readonly ImaReplay[],
  quoted: ReadonlyMap<BankName, Uint8Array>,
  show: ImaWalk,
): Search {
  const wanted = replays.map(({ bank }) => Buffer.from(quoted.get(bank)!).toString('latin1'));
  const fitting = new Set<BankName>();
  const allFit = () => {
    let fit = 0;
    for (let at = 0; at < replays.length; at += 1) {
      if (!replays[at]!.holds(wanted[at]!)) continue;
      fitting.add(replays[at]!.bank);
      fit += 1;
    }
    return fit > 0 && fit === replays.length;
  };
  if (allFit()) return { entries: 0, fitting };
  try {
    while (cursor.next()) {
      const data = dataOf(cursor);
      show(cursor, data);
      if (cursor.pcr !== IMA_PCR) continue;
      for (let at = 0; at < replays.length; at += 1) replays[at]!.extend(cursor.violation, data);
      if (allFit()) return { entries: cursor.index + 1, fitting };
    }
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return { entries: undefined, fitting, error };
  }
  return { entries: undefined, fitting };
}
