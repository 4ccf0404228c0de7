import type { LogEvent } from '@touchstone/eventlog';
import type {
  AllowedMeasurement,
  Baseline,
  BaselineRule,
  DeniedMeasurement,
  FindingEffect,
} from '@touchstone/schemas';
import { type ExplainingRule, isExplaining, isOpen } from '../baseline/rule-kind.ts';
import { hexOf } from '../bytes.ts';
import { frozen } from '../frozen.ts';
import type { StrongBank } from '../strong-bank.ts';
import type { LiveBaseline } from './applicable-baselines.ts';
import {
  commandLineOf,
  commandTextOf,
  maybeCommandLine,
  wordMatcher,
  type WordMatcher,
} from './command-words.ts';
import { stricter } from './stricter.ts';

/** The strong banks in which each PCR is quoted. */
export type QuotedBanks = ReadonlyMap<number, readonly StrongBank[]>;

/** What explains an event: the rule, and the measurement where it is by digest. */
export type Explainer = {
  readonly rule: ExplainingRule;
  readonly allowed?: AllowedMeasurement | undefined;
};

/** What refuses an event. */
export type Denial = {
  readonly rule: BaselineRule;
  readonly measurement?: DeniedMeasurement;
  readonly words?: readonly string[];
};

/** One document's rules, found by what an event shows. */
export type RuleIndex = {
  readonly live: LiveBaseline;
  readonly explaining: readonly ExplainingRule[];
  /** Rules that explain every event of their type in their PCR, by `slotOf`. */
  readonly open: ReadonlyMap<string, readonly BaselineRule[]>;
  /** What allows an event; undefined where nothing does, in each bank that can be judged. */
  explainerOf(event: LogEvent): Explainer | undefined;
  /** What denies an event, in any bank that can be judged. */
  denialOf(event: LogEvent): Denial | undefined;
  /** What rules by words do to what may be a command line of their PCR, and that nothing explains. */
  lineEffectOf(event: LogEvent): FindingEffect | undefined;
};

/** Rules speak of one type of event in one PCR. */
export const slotOf = ({ pcr, type }: { readonly pcr: number; readonly type: string }): string =>
  `${pcr} ${type}`;

export const slotOfEvent = ({ pcr, claimedTypeName: type }: LogEvent): string =>
  slotOf({ pcr, type });

export function digestIn(event: LogEvent, bank: StrongBank): string | undefined {
  const found = event.digests.find((one) => one.bank === bank);
  return found === undefined ? undefined : hexOf(found.digest);
}

export function indexRules(live: LiveBaseline, quoted: QuotedBanks): RuleIndex {
  const { explaining, pcrs, open, byDigest, byWords, denied, wordModes } = compiledRules(live);
  const banks = new Map(
    [...quoted].map(([pcr, some]) => [pcr, live.banks.filter((bank) => some.includes(bank))]),
  );
  const banksOf = ({ pcr }: LogEvent): readonly StrongBank[] => banks.get(pcr) ?? [];
  const denialOf = denials(denied, banksOf);
  const explainerOf = (event: LogEvent): Explainer | undefined => {
    if (!pcrs.has(event.pcr)) return undefined;
    const [first, ...more] = banksOf(event);
    if (first === undefined) return undefined;
    const digest = digestIn(event, first);
    const found =
      digest === undefined ? undefined : byDigest.get(`${slotOfEvent(event)} ${first} ${digest}`);
    const agrees =
      found !== undefined &&
      more.every((bank) => {
        const other = digestIn(event, bank);
        return other !== undefined && other === found.allowed[bank];
      });
    if (agrees) return found;
    const line = byWords.size === 0 ? undefined : commandLineOf(event);
    if (line === undefined) return undefined;
    const fitting = byWords.get(slotOfEvent(event))?.find(({ matcher }) => matcher.fits(line));
    return fitting === undefined ? undefined : { rule: fitting.rule };
  };
  const lineEffectOf = (event: LogEvent): FindingEffect | undefined => {
    const effect = wordModes.get(event.pcr);
    return effect !== undefined && maybeCommandLine(event) ? effect : undefined;
  };
  return { live, explaining, open, explainerOf, denialOf, lineEffectOf };
}

type CompiledRules = {
  readonly explaining: readonly ExplainingRule[];
  /** Of which `explaining` speaks: a document is about few. */
  readonly pcrs: ReadonlySet<number>;
  readonly open: RuleIndex['open'];
  readonly byDigest: ReturnType<typeof allowedByDigest>;
  readonly byWords: ReturnType<typeof wordsBySlot>;
  readonly denied: DeniedRules;
  /** The strictest of rules by words, by PCR. */
  readonly wordModes: ReadonlyMap<number, FindingEffect>;
};

/** By document, and by the banks that count: it is the same one for many hosts. */
const COMPILED = new WeakMap<Baseline, Map<string, CompiledRules>>();

function compiledRules(live: LiveBaseline): CompiledRules {
  const { baseline, banks } = live;
  let byBanks = COMPILED.get(baseline);
  if (byBanks === undefined) COMPILED.set(baseline, (byBanks = new Map()));
  const key = banks.join();
  let compiled = byBanks.get(key);
  if (compiled === undefined) {
    // What it is compiled from is to stay as it is.
    const { rules } = frozen(baseline);
    const explaining = rules.filter(isExplaining);
    compiled = {
      explaining,
      pcrs: new Set(explaining.map(({ pcr }) => pcr)),
      open: Map.groupBy(rules.filter(isOpen), slotOf),
      byDigest: allowedByDigest(live, explaining),
      byWords: wordsBySlot(explaining),
      denied: deniedRules(live),
      wordModes: wordModesOf(rules),
    };
    byBanks.set(key, compiled);
  }
  return compiled;
}

function wordModesOf(rules: readonly BaselineRule[]): ReadonlyMap<number, FindingEffect> {
  const modes = new Map<number, FindingEffect>();
  for (const { pcr, mode, words } of rules) {
    if (words !== undefined) modes.set(pcr, stricter(modes.get(pcr) ?? 'observe', mode));
  }
  return modes;
}

function allowedByDigest({ banks }: LiveBaseline, rules: readonly ExplainingRule[]) {
  const found = new Map<string, { rule: ExplainingRule; allowed: AllowedMeasurement }>();
  for (const rule of rules) {
    for (const allowed of rule.allow ?? []) {
      for (const bank of banks)
        found.set(`${slotOf(rule)} ${bank} ${allowed[bank]}`, { rule, allowed });
    }
  }
  return found;
}

type WordRule<R> = { readonly rule: R; readonly matcher: WordMatcher };

function wordsBySlot(rules: readonly ExplainingRule[]) {
  const withWords = rules.flatMap((rule): WordRule<ExplainingRule>[] => {
    const { words } = rule;
    if (words?.require === undefined && words?.allow === undefined) return [];
    return [{ rule, matcher: wordMatcher(words) }];
  });
  return Map.groupBy(withWords, ({ rule }) => slotOf(rule));
}

type DeniedRules = {
  readonly byDigest: ReadonlyMap<string, Denial>;
  readonly byWords: ReadonlyMap<number, readonly WordRule<BaselineRule>[]>;
};

/** A type is covered by no digest, so that what is denied is denied under any. */
function deniedRules({ baseline: { rules }, banks }: LiveBaseline): DeniedRules {
  const byDigest = new Map<string, Denial>();
  const byWords = new Map<number, WordRule<BaselineRule>[]>();
  for (const rule of rules) {
    for (const measurement of rule.deny ?? []) {
      for (const bank of banks) {
        byDigest.set(`${rule.pcr} ${bank} ${measurement[bank]}`, { rule, measurement });
      }
    }
    if (rule.words?.deny === undefined) continue;
    const before = byWords.get(rule.pcr) ?? [];
    byWords.set(rule.pcr, [...before, { rule, matcher: wordMatcher(rule.words) }]);
  }
  return { byDigest, byWords };
}

function denials(
  { byDigest, byWords }: DeniedRules,
  banksOf: (event: LogEvent) => readonly StrongBank[],
): RuleIndex['denialOf'] {
  return (event) => {
    if (byDigest.size > 0) {
      for (const bank of banksOf(event)) {
        const found = byDigest.get(`${event.pcr} ${bank} ${digestIn(event, bank)}`);
        if (found !== undefined) return found;
      }
    }
    const withWords = byWords.get(event.pcr);
    const text = withWords === undefined ? undefined : commandTextOf(event);
    if (withWords === undefined || text === undefined) return undefined;
    for (const { rule, matcher } of withWords) {
      const words = matcher.deniedIn(text);
      if (words.length > 0) return { rule, words };
    }
    return undefined;
  };
}
