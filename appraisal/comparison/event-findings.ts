import type { LogEvent } from '@touchstone/eventlog';
import type { Finding } from '@touchstone/schemas';
import { describeEvent, describeRule, eventOf, placesOf, whereOf } from './event-text.ts';
import { type Explanation, stricter, type UnmetRule } from './explain-events.ts';
import { finding, type FindingDetails } from '../finding.ts';
import { believedSoftware } from '../measured-software.ts';
import type { StrongBank } from '../strong-bank.ts';
import { slotOf, slotOfEvent } from './rule-index.ts';
import type { ReasonCode } from '../reasons.ts';

/** A finding about one PCR's events. */
export type PcrFinding = { readonly pcr: number; readonly finding: Finding };

type Unexplained = Explanation['unexplained'][number];
type Pair = { readonly found: Unexplained; readonly wanted: UnmetRule };

/**
 * What is wrong with the events, in words. An event that nothing explains and a rule that nothing met are
 * one finding where they are about the same thing: that is what a changed file looks like. `banks` is
 * the bank that each PCR's digests are shown in.
 */
export function eventFindings(
  { unexplained, repeated, unmet }: Explanation,
  banks: ReadonlyMap<number, StrongBank>,
): PcrFinding[] {
  const { pairs, alone, missing } = pair(unexplained, unmet);
  const bankOf = (pcr: number): StrongBank => banks.get(pcr) ?? 'sha256';
  return [
    ...pairs.map(({ found, wanted }) => differs(found, wanted, bankOf(found.event.pcr))),
    ...alone.map((found) => unexpected(found, bankOf(found.event.pcr))),
    ...missing.map((wanted) => absent(wanted, bankOf(wanted.rule.pcr))),
    ...repeated.map((again) => tooOften(again, bankOf(again.event.pcr))),
  ];
}

function differs({ event, effect }: Unexplained, wanted: UnmetRule, bank: StrongBank): PcrFinding {
  const { expected, nearest } = describeRule(wanted.rule, wanted.live, bank, event);
  const actual = describeEvent(event, bank);
  const strict = stricter(effect, wanted.rule.mode);
  return aboutEvent('EVENT_DIFFERS', event, { expected, actual, nearest, effect: strict });
}

function unexpected({ event, effect }: Unexplained, bank: StrongBank): PcrFinding {
  const expected = 'only what a baseline allows';
  const actual = describeEvent(event, bank);
  return aboutEvent('EVENT_UNEXPLAINED', event, { expected, actual, effect });
}

function absent({ rule, live, missing }: UnmetRule, bank: StrongBank): PcrFinding {
  const { subject, expected, nearest } = describeRule(rule, live, bank);
  const actual = missing === 1 ? 'not measured' : `${missing} measurements are missing`;
  const details = { subject, expected, actual, nearest, effect: rule.mode };
  return { pcr: rule.pcr, finding: finding('EVENT_MISSING', details) };
}

function tooOften(
  { event, rule, live }: Explanation['repeated'][number],
  bank: StrongBank,
): PcrFinding {
  const { expected: once, nearest } = describeRule(rule, live, bank, event);
  const { times = 1 } = rule;
  const expected = times === 1 ? `once: ${once}` : `${times} times: ${once}`;
  const details = { expected, actual: 'measured once more', nearest, effect: rule.mode };
  return aboutEvent('EVENT_REPEATED', event, details);
}

function aboutEvent(
  code: ReasonCode,
  event: LogEvent,
  details: Omit<FindingDetails, 'subject' | 'event'>,
): PcrFinding {
  const said = { ...details, subject: whereOf(event), event: eventOf(event) };
  return { pcr: event.pcr, finding: finding(code, said) };
}

/**
 * First by name: the same path in the same PCR. Then in order, but never a path with another path: one
 * file that is gone and another that came are two findings.
 */
function pair(
  unexplained: readonly Unexplained[],
  unmet: readonly UnmetRule[],
): { pairs: Pair[]; alone: Unexplained[]; missing: UnmetRule[] } {
  const open = Map.groupBy(unmet.map(spread).flat(), ({ rule }) => slotOf(rule));
  const pairs = new Map<Unexplained, UnmetRule>();
  const take = (found: Unexplained, fits: (places: ReadonlySet<string>) => boolean) => {
    const candidates = open.get(slotOfEvent(found.event)) ?? [];
    const at = candidates.findIndex(({ rule }) => fits(placesOf(rule)));
    const [wanted] = at < 0 ? [] : candidates.splice(at, 1);
    if (wanted !== undefined) pairs.set(found, wanted);
  };
  for (const found of unexplained) {
    const place = placeOfEvent(found.event);
    if (place !== undefined) take(found, (places) => places.has(place));
  }
  for (const found of unexplained) {
    if (pairs.has(found)) continue;
    const place = placeOfEvent(found.event);
    take(found, (places) => place === undefined || places.size === 0);
  }
  return {
    pairs: [...pairs].map(([found, wanted]) => ({ found, wanted })),
    alone: unexplained.filter((found) => !pairs.has(found)),
    missing: gathered([...open.values()].flat()),
  };
}

const placeOfEvent = (event: LogEvent): string | undefined => believedSoftware(event)?.place;

/** One entry for each time that a rule was not met, and back. */
const spread = (unmet: UnmetRule): UnmetRule[] =>
  Array.from({ length: unmet.missing }, () => ({ ...unmet, missing: 1 }));

const gathered = (spreadOut: readonly UnmetRule[]): UnmetRule[] =>
  [...Map.groupBy(spreadOut, ({ rule }) => rule).values()].flatMap(([first, ...more]) =>
    first === undefined ? [] : [{ ...first, missing: more.length + 1 }],
  );
