import type { BankName } from '@touchstone/tpm';
import type { ImaListForm } from './ima-entry.ts';
import { hasOwnDigest, type ImaListOptions, openImaList } from './ima-list.ts';
import { dataOf, ImaReplay } from './ima-replay.ts';

const BANKS = ['sha1', 'sha256'] as const satisfies readonly BankName[];

/** A list by itself, without a quote: what somebody wrote, not what was measured. */
export type ImaSurvey = {
  readonly form: ImaListForm;
  readonly entries: number;
  readonly violations: number;
  /** How many entries have each template. */
  readonly templates: ReadonlyMap<string, number>;
  /** All entries extended into one register that was zero, with hashes of each bank's own algorithm. */
  readonly whole: Readonly<Record<(typeof BANKS)[number], Uint8Array>>;
  /** The same of each PCR's own entries. */
  readonly pcrs: ReadonlyMap<number, ImaSurvey['whole']>;
  /** Entries whose column is not the digest of their data: how many, and the first. */
  readonly mismatches: { readonly count: number; readonly first?: number };
};

/** Reads a whole list. Throws ParseError. */
export function surveyImaList(list: Uint8Array, options: ImaListOptions = {}): ImaSurvey {
  const cursor = openImaList(list, options);
  let whole: readonly ImaReplay[] = newReplays();
  const pcrs = new Map<number, readonly ImaReplay[]>();
  const templates = new Map<string, number>();
  let violations = 0;
  let mismatches: ImaSurvey['mismatches'] = { count: 0 };
  while (cursor.next()) {
    const { pcr, violation, index } = cursor;
    const { name } = cursor.template;
    templates.set(name, (templates.get(name) ?? 0) + 1);
    const data = dataOf(cursor);
    let own = pcrs.get(pcr);
    if (own === undefined) {
      // The whole is the only PCR's own until there is a second.
      own = pcrs.size === 0 ? whole : newReplays();
      if (pcrs.size === 1) whole = whole.map((replay) => replay.fork());
      pcrs.set(pcr, own);
    }
    for (const replay of own) replay.extend(violation, data);
    if (own !== whole) for (const replay of whole) replay.extend(violation, data);
    if (violation) violations += 1;
    else if (!hasOwnDigest(cursor, data)) {
      mismatches = { first: index, ...mismatches, count: mismatches.count + 1 };
    }
  }
  return {
    ...{ form: cursor.form, entries: cursor.index + 1, violations, templates, mismatches },
    whole: valuesOf(whole),
    pcrs: new Map([...pcrs].map(([pcr, replays]) => [pcr, valuesOf(replays)])),
  };
}

const newReplays = (): readonly ImaReplay[] => BANKS.map((bank) => new ImaReplay(bank, 'hash'));

function valuesOf([sha1, sha256]: readonly ImaReplay[]): ImaSurvey['whole'] {
  return { sha1: sha1!.value, sha256: sha256!.value };
}
