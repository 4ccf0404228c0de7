import type { FindingEffect } from '@touchstone/schemas';

/** The stricter of two effects. */
export function stricter(a: FindingEffect, b: FindingEffect): FindingEffect {
  if (a === 'enforce' || b === 'enforce') return 'enforce';
  return a === 'warn' || b === 'warn' ? 'warn' : 'observe';
}
