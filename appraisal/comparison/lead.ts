import type { BaselineReference } from '@touchstone/schemas';
import type { StrongBank } from '../strong-bank.ts';

/**
 * What a finding about an event can be looked up by, in documents that decide nothing: plain data, so that the
 * judgement that it belongs to stays the same whatever those documents are.
 */
export type Lead = {
  readonly pcr: number;
  readonly type: string;
  readonly bank: StrongBank;
  /** Lower-case hex. */
  readonly digest: string;
  /** The document whose rule was not met. */
  readonly document?: BaselineReference;
  /** Digests that this rule allows in its place: of events, and of files; lower-case hex. */
  readonly wanted?: readonly string[];
  readonly wantedVersion?: string;
};
