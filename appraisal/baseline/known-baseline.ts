import type { Baseline } from '@touchstone/schemas';
import { hashHex } from '@touchstone/tpm';
import { BaselineError } from './baseline-error.ts';
import { checkBaseline } from './check-baseline.ts';
import { frozen } from '../frozen.ts';

type KnownBaseline = {
  /** SHA-256 of the document's content, lower-case hex. */
  readonly digest: string;
  /** Why it is none; undefined for one that is well formed. */
  readonly malformation: string | undefined;
};

/** The same documents come with every evidence, and looking at one costs more than the rest of an appraisal. */
const known = new WeakMap<Baseline, KnownBaseline>();

/** What can be said of a document by itself. It is frozen, for that is to stay true of it. */
export function knownBaseline(baseline: Baseline): KnownBaseline {
  const before = known.get(baseline);
  if (before !== undefined) return before;
  const malformation = malformationOf(frozen(baseline));
  const digest = hashHex('sha256', Buffer.from(JSON.stringify(baseline), 'utf8'));
  const one = { digest, malformation };
  known.set(baseline, one);
  return one;
}

function malformationOf(baseline: Baseline): string | undefined {
  try {
    checkBaseline(baseline);
    return undefined;
  } catch (error) {
    if (error instanceof BaselineError) return error.message;
    throw error;
  }
}
