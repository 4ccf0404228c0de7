import type { Baseline, FindingEffect } from '@touchstone/schemas';
import { nameOfBaseline } from '../comparison/event-text.ts';
import { stricter } from '../comparison/stricter.ts';
import { ADVISORIES, type AdvisoryName } from './ledger.ts';

/** What the documents for a host ask of its TPM, taken together. */
export type TpmPolicy = {
  /** Where resistance to somebody with the machine in hand is asked for: how strictly, and by which document. */
  readonly physical: { readonly effect: FindingEffect; readonly by: string } | undefined;
  /** By what an advisory's own words or a document say. `ofTheAk`: the AK is such a key as it gives away. */
  readonly effectOf: (name: AdvisoryName, ofTheAk: boolean) => FindingEffect;
};

/**
 * Of several documents the stricter one counts. An advisory is accepted where one accepts it, unless another asks
 * for more: whoever enforces its kind has not accepted it.
 */
export function tpmPolicyOf(documents: readonly Baseline[]): TpmPolicy {
  const asked = documents.flatMap((baseline) =>
    baseline.tpm === undefined ? [] : [{ ...baseline.tpm, by: nameOfBaseline(baseline) }],
  );
  const demands = asked.filter(({ resists }) => resists?.includes('physical'));
  const physical = demands.reduce<TpmPolicy['physical']>(
    (before, { mode, by }) =>
      before !== undefined && stricter(before.effect, mode) === before.effect
        ? before
        : { effect: mode, by },
    undefined,
  );
  return {
    physical,
    effectOf: (name, ofTheAk) => {
      const { kind } = ADVISORIES[name];
      const stated = asked.flatMap(({ accept, advisories }): FindingEffect[] => {
        if (accept?.includes(name)) return ['observe'];
        const effect = advisories?.[kind];
        return effect === undefined ? [] : [effect];
      });
      const [first, ...rest] = stated;
      if (first === undefined) return kind === 'remote' && ofTheAk ? 'enforce' : 'warn';
      return rest.reduce<FindingEffect>(stricter, first);
    },
  };
}
