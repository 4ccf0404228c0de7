import type { Actor } from '@touchstone/schemas';

/** What is said about a code wherever it shows: API, command line, page and documents. */
export type Reason = {
  readonly title: string;
  /** Where the rule comes from: a specification's section, or the name of the threat. */
  readonly section: string;
  readonly remedy: string;
  readonly actor: Actor;
};
