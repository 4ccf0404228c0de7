import type { LogEvent } from '@touchstone/eventlog';
import type { FindingEffect } from '@touchstone/schemas';
import { type ExplainingRule, isExplaining, isOpen } from '../baseline/rule-kind.ts';
import type { LiveBaseline } from './applicable-baselines.ts';
import { misplacedEvents } from './event-order.ts';
import { mixedSets, type MixedSets, type SetMember } from './measurement-sets.ts';
import {
  type Denial,
  indexRules,
  type QuotedBanks,
  type RuleIndex,
  slotOf,
  slotOfEvent,
} from './rule-index.ts';
import { stricter } from './stricter.ts';

/** A rule that was met less often than it says. */
export type UnmetRule = {
  readonly live: LiveBaseline;
  readonly rule: ExplainingRule;
  readonly missing: number;
};

/** An event that a rule is about. */
export type RuledEvent = {
  readonly event: LogEvent;
  readonly live: LiveBaseline;
  readonly rule: ExplainingRule;
};

export type DeniedEvent = {
  readonly event: LogEvent;
  readonly live: LiveBaseline;
  readonly denial: Denial;
  readonly effect: FindingEffect;
};

/** What the documents together say of the events in quoted PCRs. */
export type Explanation = {
  /** Events of which every document that speaks says that they are as they should be. */
  readonly expected: ReadonlySet<LogEvent>;
  /** Events that only a rule that allows everything and has the mode `observe` speaks of. */
  readonly observed: ReadonlySet<LogEvent>;
  readonly unexplained: readonly { readonly event: LogEvent; readonly effect: FindingEffect }[];
  readonly denied: readonly DeniedEvent[];
  readonly repeated: readonly RuledEvent[];
  /** Events that come before others of their PCR that they should come after. */
  readonly misplaced: readonly RuledEvent[];
  readonly unmet: readonly UnmetRule[];
  readonly mixed: readonly MixedSets[];
};

/** What one document says of each event. */
type Reading = {
  readonly explained: readonly (RuledEvent & { readonly set: string | undefined })[];
  readonly denied: readonly Omit<DeniedEvent, 'effect'>[];
  readonly repeated: readonly RuledEvent[];
  readonly unmet: readonly UnmetRule[];
};

/**
 * Holds events against documents. Each document counts for itself, and the stricter wins: an event needs
 * one document that explains it and none that denies it, every rule of every document has to be met as
 * often as it says, in the order that its document states, and with measurements of one set.
 */
export function explainEvents(
  documents: readonly LiveBaseline[],
  events: readonly LogEvent[],
  quoted: QuotedBanks,
): Explanation {
  const indexes = documents.map((live) => indexRules(live, quoted));
  const readings = indexes.map((index) => readEvents(index, events));
  const explained = new Set(readings.flatMap((one) => one.explained.map(({ event }) => event)));
  const repeated = readings.flatMap((one) => one.repeated);
  const tooMany = new Set(repeated.map(({ event }) => event));
  const misplaced = readings.flatMap((one) =>
    misplacedEvents(one.explained.filter(({ event }) => !tooMany.has(event))),
  );
  const members = readings.flatMap((one) => one.explained).flatMap(setMember);
  const unexplained = unexplainedEvents(indexes, events, explained);
  const effects = new Map(unexplained.closed.map(({ event, effect }) => [event, effect]));
  const denied = readings
    .flatMap((one) => one.denied)
    .map((one) => {
      const effect = stricter(one.denial.rule.mode, effects.get(one.event) ?? 'observe');
      return { ...one, effect };
    });
  const refused = new Set([...denied, ...misplaced].map(({ event }) => event));
  const isDenied = new Set(denied.map(({ event }) => event));
  return {
    expected: new Set([...explained].filter((event) => !tooMany.has(event) && !refused.has(event))),
    observed: new Set(unexplained.observed.filter((event) => !isDenied.has(event))),
    unexplained: unexplained.closed.filter(({ event }) => !isDenied.has(event)),
    denied,
    repeated,
    misplaced,
    unmet: readings.flatMap((one) => one.unmet),
    mixed: mixedSets(members),
  };
}

function readEvents(index: RuleIndex, events: readonly LogEvent[]): Reading {
  const { live } = index;
  const explained: Reading['explained'][number][] = [];
  const denied: Reading['denied'][number][] = [];
  const repeated: RuledEvent[] = [];
  const counts = new Map<ExplainingRule, number>();
  for (const event of events) {
    const denial = index.denialOf(event);
    if (denial !== undefined) denied.push({ event, live, denial });
    const found = index.explainerOf(event);
    if (found === undefined) continue;
    const { rule, allowed } = found;
    const count = (counts.get(rule) ?? 0) + 1;
    counts.set(rule, count);
    explained.push({ event, live, rule, set: allowed?.set });
    if (count > timesOf(rule)) repeated.push({ event, live, rule });
  }
  const unmet = index.explaining.flatMap((rule) => {
    const count = counts.get(rule) ?? 0;
    const missing = timesOf(rule) - count;
    const spared = rule.optional === true && count === 0;
    return missing > 0 && !spared ? [{ live, rule, missing }] : [];
  });
  return { explained, denied, repeated, unmet };
}

const timesOf = ({ times = 1 }: ExplainingRule): number => times;

const setMember = ({ event, live, rule, set }: Reading['explained'][number]): SetMember[] =>
  set === undefined ? [] : [{ event, live, set, effect: rule.mode }];

function unexplainedEvents(
  indexes: readonly RuleIndex[],
  events: readonly LogEvent[],
  explained: ReadonlySet<LogEvent>,
): { closed: Explanation['unexplained']; observed: LogEvent[] } {
  const effectOf = effectsBySlot(indexes.map(({ live }) => live));
  const observed: LogEvent[] = [];
  const closed: Explanation['unexplained'][number][] = [];
  for (const event of events) {
    if (explained.has(event)) continue;
    const open = openEffect(indexes, event);
    // An open rule beside rules by words is about what is no command line: what an event is called is a label.
    const ofLines = indexes.flatMap((index) => index.lineEffectOf(event) ?? []);
    if (ofLines.length > 0) {
      const usual = open ?? effectOf.get(slotOfEvent(event)) ?? 'enforce';
      closed.push({ event, effect: ofLines.reduce(stricter, usual) });
    } else if (open === 'observe') observed.push(event);
    else closed.push({ event, effect: open ?? effectOf.get(slotOfEvent(event)) ?? 'enforce' });
  }
  return { closed, observed };
}

/** An open rule never enforces; whatever a document made of it, it is no more than a warning. */
function openEffect(indexes: readonly RuleIndex[], event: LogEvent): FindingEffect | undefined {
  const rules = indexes.flatMap(({ open }) => open.get(slotOfEvent(event)) ?? []);
  if (rules.length === 0) return undefined;
  return rules.map(({ mode }) => mode).reduce(stricter);
}

/**
 * Only where every rule that explains events of that type in that PCR is milder does an event that none
 * explains count less. A rule that only denies makes nothing milder.
 */
function effectsBySlot(documents: readonly LiveBaseline[]): ReadonlyMap<string, FindingEffect> {
  const effects = new Map<string, FindingEffect>();
  for (const rule of documents.flatMap(({ baseline }) => baseline.rules)) {
    if (!isExplaining(rule) && !isOpen(rule)) continue;
    const slot = slotOf(rule);
    effects.set(slot, stricter(effects.get(slot) ?? 'observe', rule.mode));
  }
  return effects;
}
