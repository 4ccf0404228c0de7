import { withoutAdvice } from '@touchstone/appraisal';
import type { Finding, StoredVerdict } from '@touchstone/schemas';

/** As many as a record holds. */
const MOST_STORED = 256;

/**
 * The findings of an appraisal as its record has them, without advice: before them there may be one of the host's
 * state. `most` is how many there was room for. Null for what is no list.
 */
export function storedFindings({
  findings,
  state,
}: StoredVerdict): { readonly found: readonly object[]; readonly most: number } | null {
  if (!Array.isArray(findings)) return null;
  const [first] = findings as { code?: unknown }[];
  const ofState = state === 'untrusted' && first?.code === 'STATE_UNTRUSTED_UNTIL_REBOOT' ? 1 : 0;
  return { found: unadvised(findings.slice(ofState)), most: MOST_STORED - ofState };
}

/** Whatever there is in a list, findings without their advice. */
export const unadvised = (findings: readonly unknown[]): object[] =>
  findings.map((one) => withoutAdvice(Object(one) as Finding));
