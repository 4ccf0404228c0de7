import type { LogEvent } from '@touchstone/eventlog';
import type { FindingEffect } from '@touchstone/schemas';
import type { LiveBaseline } from './applicable-baselines.ts';
import { stricter } from './stricter.ts';

/** An event that a measurement of a set explains. */
export type SetMember = {
  readonly event: LogEvent;
  readonly live: LiveBaseline;
  readonly set: string;
  readonly effect: FindingEffect;
};

/** What was measured of documents that belong together, and is of several sets. */
export type MixedSets = {
  /** The documents' name; of an independent document with its part. */
  readonly name: string;
  /** One member of each set, the set with most members first. */
  readonly members: readonly SetMember[];
  readonly effect: FindingEffect;
};

/**
 * Where measurements of two sets were mixed. Documents of one name belong together, but for those that say
 * that their choice is independent; within one document it never is.
 */
export function mixedSets(members: readonly SetMember[]): MixedSets[] {
  return [...Map.groupBy(members, groupOf)].flatMap(([name, ofGroup]) => {
    const bySet = [...Map.groupBy(ofGroup, ({ set }) => set).values()];
    if (bySet.length < 2) return [];
    const shown = bySet
      .toSorted((a, b) => b.length - a.length)
      .flatMap(([first]) => (first === undefined ? [] : [first]));
    return [{ name, members: shown, effect: ofGroup.map(({ effect }) => effect).reduce(stricter) }];
  });
}

const groupOf = ({ live: { baseline } }: SetMember): string =>
  baseline.independent === true ? `${baseline.part} ${baseline.name}` : baseline.name;
