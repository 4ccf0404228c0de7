import type { LogEvent } from '@touchstone/eventlog';
import type { BaselineRule, FindingEffect } from '@touchstone/schemas';
import type { LiveBaseline } from './applicable-baselines.ts';
import {
  type AllowingRule,
  indexRules,
  type QuotedBanks,
  type RuleIndex,
  slotOf,
  slotOfEvent,
} from './rule-index.ts';

/** A rule that was met less often than it says. */
export type UnmetRule = {
  readonly live: LiveBaseline;
  readonly rule: AllowingRule;
  readonly missing: number;
};

/** What the documents together say of the events in quoted PCRs. */
export type Explanation = {
  /** Events of which every document that speaks says that they are as they should be. */
  readonly expected: ReadonlySet<LogEvent>;
  /** Events that only a rule without `allow` and with the mode `observe` speaks of. */
  readonly observed: ReadonlySet<LogEvent>;
  readonly unexplained: readonly { readonly event: LogEvent; readonly effect: FindingEffect }[];
  readonly repeated: readonly {
    readonly event: LogEvent;
    readonly live: LiveBaseline;
    readonly rule: AllowingRule;
  }[];
  readonly unmet: readonly UnmetRule[];
};

/**
 * Holds events against documents. Each document counts for itself, and the stricter wins: an event needs
 * one document that explains it, and every rule of every document has to be met as often as it says.
 */
export function explainEvents(
  documents: readonly LiveBaseline[],
  events: readonly LogEvent[],
  quoted: QuotedBanks,
): Explanation {
  const indexes = documents.map((live) => indexRules(live, quoted));
  const explained = new Set<LogEvent>();
  const repeated: Explanation['repeated'][number][] = [];
  const unmet: UnmetRule[] = [];
  for (const index of indexes) {
    const counts = new Map<AllowingRule, number>();
    for (const event of events) {
      const rule = index.ruleFor(event);
      if (rule === undefined) continue;
      const count = (counts.get(rule) ?? 0) + 1;
      counts.set(rule, count);
      explained.add(event);
      if (count > timesOf(rule)) repeated.push({ event, live: index.live, rule });
    }
    for (const rule of index.allowing) {
      const missing = timesOf(rule) - (counts.get(rule) ?? 0);
      if (missing > 0) unmet.push({ live: index.live, rule, missing });
    }
  }
  const effectOf = effectsBySlot(documents);
  const observed = new Set<LogEvent>();
  const unexplained: Explanation['unexplained'][number][] = [];
  for (const event of events) {
    if (explained.has(event)) continue;
    const open = openEffect(indexes, event);
    if (open === 'observe') observed.add(event);
    else unexplained.push({ event, effect: open ?? effectOf.get(slotOfEvent(event)) ?? 'enforce' });
  }
  const tooMany = new Set(repeated.map(({ event }) => event));
  const expected = new Set([...explained].filter((event) => !tooMany.has(event)));
  return { expected, observed, unexplained, repeated, unmet };
}

/** The stricter of two effects. */
export function stricter(a: FindingEffect, b: FindingEffect): FindingEffect {
  if (a === 'enforce' || b === 'enforce') return 'enforce';
  return a === 'warn' || b === 'warn' ? 'warn' : 'observe';
}

const timesOf = ({ times = 1 }: BaselineRule): number => times;

/** A rule without `allow` never enforces; whatever a document made of it, it is no more than a warning. */
function openEffect(indexes: readonly RuleIndex[], event: LogEvent): FindingEffect | undefined {
  const rules = indexes.flatMap(({ open }) => open.get(slotOfEvent(event)) ?? []);
  if (rules.length === 0) return undefined;
  return rules.map(({ mode }) => mode).reduce(stricter);
}

/** Only where every rule of that type in that PCR is milder does an event that none explains count less. */
function effectsBySlot(documents: readonly LiveBaseline[]): ReadonlyMap<string, FindingEffect> {
  const effects = new Map<string, FindingEffect>();
  for (const rule of documents.flatMap(({ baseline }) => baseline.rules)) {
    const slot = slotOf(rule);
    effects.set(slot, stricter(effects.get(slot) ?? 'observe', rule.mode));
  }
  return effects;
}
