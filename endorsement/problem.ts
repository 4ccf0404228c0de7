import type { EndorsementCode } from './codes.ts';

/** One thing that speaks against a certificate or key. A list of them that is empty is the only yes. */
export type Problem = {
  readonly code: EndorsementCode;
  /** What it is about: a certificate's subject, or a field as the specification spells it. */
  readonly subject: string;
  readonly expected?: string;
  readonly actual?: string;
  /** Where what is to be done depends on more than the code. */
  readonly remedy?: string;
};
