import type { LogEvent } from '@touchstone/eventlog';
import { labelOf, placeOfEvent } from './event-label.ts';
import { placesOf, wordsInCommon } from './event-text.ts';
import type { Explanation, UnmetRule } from './explain-events.ts';
import { slotOf, slotOfEvent } from './rule-index.ts';

export type Found = Explanation['unexplained'][number];

export type Pair = { readonly found: Found; readonly wanted: UnmetRule };

/**
 * Which event has taken the place of what a rule wants. First by name: the same path in the same PCR. Then
 * texts by the words that they share; then in order, but never one thing that is known to be another: one file
 * that is gone and another that came are two findings. What was merely observed may have taken a place as
 * well.
 */
export function pairEvents(
  unexplained: readonly Found[],
  observed: ReadonlySet<LogEvent>,
  unmet: readonly UnmetRule[],
): { pairs: Pair[]; alone: Found[]; missing: UnmetRule[] } {
  if (unmet.length === 0) return { pairs: [], alone: [...unexplained], missing: [] };
  const open = Map.groupBy(unmet.map(spread).flat(), ({ rule }) => slotOf(rule));
  const pairs = new Map<Found, UnmetRule>();
  const take = (found: Found, rank: (rule: UnmetRule) => number) => {
    if (pairs.has(found)) return;
    const candidates = open.get(slotOfEvent(found.event)) ?? [];
    let [best, at] = [0, -1];
    for (const [index, candidate] of candidates.entries()) {
      const rating = rank(candidate);
      if (rating > best) [best, at] = [rating, index];
    }
    const [wanted] = at < 0 ? [] : candidates.splice(at, 1);
    if (wanted !== undefined) pairs.set(found, wanted);
  };
  const seen = [...observed].map((event): Found => ({ event, effect: 'observe' }));
  for (const found of [...unexplained, ...seen]) {
    const place = placeOfEvent(found.event);
    if (place !== undefined) take(found, ({ rule }) => sameness(place, placesOf(rule)));
  }
  for (const found of unexplained) take(found, ({ rule }) => wordsInCommon(found.event, rule));
  for (const found of [...unexplained, ...seen]) {
    const label = labelOf(found.event);
    const known = label?.steady === true && label.verified;
    take(found, ({ rule }) => (!known || placesOf(rule).size === 0 ? 1 : 0));
  }
  return {
    pairs: [...pairs].map(([found, wanted]) => ({ found, wanted })),
    alone: unexplained.filter((found) => !pairs.has(found)),
    missing: gathered([...open.values()].flat()),
  };
}

/** Packages name an image by its file alone, and firmware by where it was loaded from. */
function sameness(place: string, places: ReadonlySet<string>): number {
  if (places.has(place)) return 2;
  const file = fileOf(place);
  return [...places].some((one) => !one.startsWith('/') && fileOf(one) === file) ? 1 : 0;
}

const fileOf = (place: string): string => place.replace(/^.*[\\/]/su, '').toLowerCase();

/** One entry for each time that a rule was not met, and back. */
const spread = (unmet: UnmetRule): UnmetRule[] =>
  Array.from({ length: unmet.missing }, () => ({ ...unmet, missing: 1 }));

const gathered = (spreadOut: readonly UnmetRule[]): UnmetRule[] =>
  [...Map.groupBy(spreadOut, ({ rule }) => rule).values()].flatMap(([first, ...more]) =>
    first === undefined ? [] : [{ ...first, missing: more.length + 1 }],
  );
