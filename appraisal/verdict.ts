import type { Finding, FindingEffect, Verdict } from '@touchstone/schemas';
import { worstOf } from './weighed-findings.ts';

/** The worst of what was found; null where nothing was. */
export const worstEffect = (findings: readonly Finding[]): FindingEffect | null =>
  worstOf(findings.map(({ effect }) => effect));

/** Nothing but warnings and observations lifts the verdict from where it starts. */
export function verdictOf(effects: Parameters<typeof worstOf>[0]): Verdict {
  const worst = worstOf(effects);
  if (worst === 'enforce') return 'contraindicated';
  return worst === 'warn' ? 'warning' : 'affirming';
}

/** Only these two are a yes: docs/decisions/0005. `none` is an appraisal that came to no end. */
export const isGoodEvidence = (verdict: Verdict): boolean =>
  verdict === 'affirming' || verdict === 'warning';
