import type { Baseline } from '@touchstone/schemas';

/** Any change of documents, until what they say is compared: two people are asked rather than one. */
export const loosens = (_before: readonly Baseline[], _after: readonly Baseline[]): boolean => true;
