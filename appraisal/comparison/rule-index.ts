import type { LogEvent } from '@touchstone/eventlog';
import type { AllowedMeasurement, BaselineRule } from '@touchstone/schemas';
import type { LiveBaseline } from './applicable-baselines.ts';
import { isOpen } from '../baseline/rule-kind.ts';
import { hexOf } from '../bytes.ts';
import type { StrongBank } from '../strong-bank.ts';

/** The strong banks in which each PCR is quoted. */
export type QuotedBanks = ReadonlyMap<number, readonly StrongBank[]>;

export type AllowingRule = BaselineRule & { readonly allow: AllowedMeasurement[] };

/** One document's rules, found by what an event shows. */
export type RuleIndex = {
  readonly live: LiveBaseline;
  readonly allowing: readonly AllowingRule[];
  /** Rules that explain every event of their type in their PCR, by `slotOf`. */
  readonly open: ReadonlyMap<string, readonly BaselineRule[]>;
  /** The rule that allows an event; undefined where none does, in each bank that can be judged. */
  ruleFor(event: LogEvent): AllowingRule | undefined;
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
  const { rules } = live.baseline;
  const allowing = rules.filter((rule): rule is AllowingRule => rule.allow !== undefined);
  const open = Map.groupBy(rules.filter(isOpen), slotOf);
  const byDigest = new Map<string, { rule: AllowingRule; allowed: AllowedMeasurement }>();
  for (const rule of allowing) {
    for (const allowed of rule.allow) {
      for (const bank of live.banks) {
        byDigest.set(`${slotOf(rule)} ${bank} ${allowed[bank]}`, { rule, allowed });
      }
    }
  }
  const ruleFor = (event: LogEvent): AllowingRule | undefined => {
    const banks = live.banks.filter((bank) => quoted.get(event.pcr)?.includes(bank) === true);
    const [first] = banks;
    if (first === undefined) return undefined;
    const found = byDigest.get(`${slotOfEvent(event)} ${first} ${digestIn(event, first)}`);
    const agrees = banks.every((bank) => {
      const digest = digestIn(event, bank);
      return digest !== undefined && digest === found?.allowed[bank];
    });
    return agrees ? found?.rule : undefined;
  };
  return { live, allowing, open, ruleFor };
}
