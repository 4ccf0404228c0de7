import type { AllowedMeasurement, BaselineRule, WordRules } from '@touchstone/schemas';

/** A rule that says which events it explains, by digest or by words. */
export type ExplainingRule = BaselineRule &
  ({ readonly allow: AllowedMeasurement[] } | { readonly words: WordRules });

export const isExplaining = (rule: BaselineRule): rule is ExplainingRule =>
  rule.allow !== undefined || asksForWords(rule.words);

/** A rule that explains every event of its type in its PCR. */
export const isOpen = ({ allow, deny, words }: BaselineRule): boolean =>
  allow === undefined && deny === undefined && words === undefined;

/** Words that only deny explain nothing. */
const asksForWords = (words: WordRules | undefined): boolean =>
  words?.require !== undefined || words?.allow !== undefined;
