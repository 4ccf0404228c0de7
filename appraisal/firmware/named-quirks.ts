import type { LiveBaseline } from '../comparison/applicable-baselines.ts';

/** The quirks that the documents opt into. A name that the ledger does not have lets nothing pass. */
export function namedQuirks(documents: readonly LiveBaseline[]): ReadonlySet<string> {
  return new Set(documents.flatMap(({ baseline }) => baseline.quirks ?? []));
}
