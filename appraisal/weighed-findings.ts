import type { Finding, FindingEffect } from '@touchstone/schemas';
import { strictestFirst } from './comparison/stricter.ts';
import { MAX_FINDINGS } from './shown-findings.ts';

/** Findings as far as a result can show them, and what all of them do to it. */
export type WeighedFindings = {
  /** Those that enforce first, then warnings, then observations; else in the order of the appraisal. */
  readonly foremost: readonly Finding[];
  /** How many there were. */
  readonly count: number;
  /** Null where there was none. */
  readonly worst: FindingEffect | null;
};

/** A log may give a finding an event; what is kept of them is bounded. */
export function weigh(findings: readonly Finding[]): WeighedFindings {
  return {
    foremost: byEffect(findings).slice(0, MAX_FINDINGS),
    count: findings.length,
    worst: worstOf(findings.map(({ effect }) => effect)),
  };
}

export const byEffect = (findings: readonly Finding[]): Finding[] =>
  findings.toSorted((a, b) => strictestFirst(a.effect, b.effect));

/** Nothing but warnings and observations is milder than an effect that enforces. */
export function worstOf(effects: readonly (FindingEffect | null)[]): FindingEffect | null {
  const some = effects.filter((effect) => effect !== null);
  if (!some.every((effect) => effect === 'warn' || effect === 'observe')) return 'enforce';
  if (some.includes('warn')) return 'warn';
  return some.length === 0 ? null : 'observe';
}
