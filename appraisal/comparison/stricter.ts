import type { FindingEffect } from '@touchstone/schemas';

const ORDER = { enforce: 0, warn: 1, observe: 2 } as const;

/** The stricter of two effects. */
export function stricter(a: FindingEffect, b: FindingEffect): FindingEffect {
  if (a === 'enforce' || b === 'enforce') return 'enforce';
  return a === 'warn' || b === 'warn' ? 'warn' : 'observe';
}

/** What enforces comes first. */
export const strictestFirst = (a: FindingEffect, b: FindingEffect): number => ORDER[a] - ORDER[b];
