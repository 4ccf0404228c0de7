import { isDeepStrictEqual } from 'node:util';
import {
  BaselineError,
  editBaseline,
  formatBaseline,
  type WrittenBaseline,
} from '@touchstone/appraisal';
import type { Baseline, BaselineRecord } from '@touchstone/schemas';

/**
 * What was captured, in the text of the document that it comes after: comments, names and rules that a person wrote
 * stay. As it is, where there is none, or none that is for the same hosts in the same banks.
 */
export function mergeCaptured(
  captured: Baseline,
  records: readonly BaselineRecord[],
): WrittenBaseline {
  const alone = { baseline: captured, text: formatBaseline(captured) };
  const before = latestOf(records.filter(({ baseline }) => baseline.part === captured.part));
  if (before === undefined || !isForTheSame(before.baseline, captured)) return alone;
  if (!hasSections(before.baseline, captured)) return alone;
  try {
    return editBaseline(before.yaml, [
      { kind: 'merge', captured },
      { kind: 'version', version: captured.version },
    ]);
  } catch (error) {
    // Of another release, or changed since in a way that no capture can be merged into.
    if (error instanceof RangeError || error instanceof BaselineError) return alone;
    throw error;
  }
}

/** What is active, or else the latest that anybody wrote. */
const latestOf = (records: readonly BaselineRecord[]): BaselineRecord | undefined =>
  records.find(({ state }) => state === 'active') ??
  records.toSorted((a, b) => b.baseline.version - a.baseline.version)[0];

/** Merging moves rules. What the capture needs besides, the document has to have already. */
function hasSections(before: Baseline, { quirks = [], secureBoot, ima }: Baseline): boolean {
  return (
    quirks.every((quirk) => before.quirks?.includes(quirk) === true) &&
    (secureBoot === undefined || isDeepStrictEqual(secureBoot, before.secureBoot)) &&
    (ima === undefined || isDeepStrictEqual(ima, before.ima))
  );
}

const isForTheSame = ({ match: a }: Baseline, { match: b }: Baseline): boolean =>
  isDeepStrictEqual(
    { ...a, class: a.class.toSorted(), labels: { ...a.labels } },
    { ...b, class: b.class.toSorted(), labels: { ...b.labels } },
  );
