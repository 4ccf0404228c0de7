import type { Finding, ImaPolicy, ImaProgress } from '@touchstone/schemas';
import type { PcrValues } from '@touchstone/tpm';

/** A policy, and the document it stands in, by the name that findings call it. */
export type ImaDocument = { readonly document: string; readonly policy: ImaPolicy };

/** What a segment of a list is held against. */
export type ImaSegmentContext = {
  /** All that apply to the host. A file is good where one of them says so; the strictest says what one does that is not. */
  readonly policies: readonly ImaDocument[];
  /** Documents that are not active: findings name things by them, and they make nothing good. */
  readonly known?: readonly ImaDocument[];
  /** As quoted. */
  readonly pcrs: PcrValues;
  /** The list's entry that the segment begins with. */
  readonly fromEntry: number;
  /** Of the segment; larger ones are refused. */
  readonly maxBytes?: number;
};

/**
 * - `believed`: PCR 10 is explained up to the quote; `progress` goes so far.
 * - `wanted`: nothing speaks against the host, and the list has to be sent from `nextEntry` to say more. The one
 *   finding, IMA_LOG_WANTED, enforces: who takes no notice of the state trusts nobody.
 * - `refused`: the list does not explain PCR 10, or cannot be read. `progress` is what it was.
 * - `none`: no list, and nothing in PCR 10 that asks for one; or PCR 10 was not quoted.
 */
export type ImaState = 'believed' | 'wanted' | 'refused' | 'none';

export type ImaAppraisal = {
  readonly state: ImaState;
  /** To be kept where the evidence is the newest; undefined where nothing of a list is believed yet. */
  readonly progress: ImaProgress | undefined;
  /** Of this segment: those up to the quote. What follows waits for the next one. */
  readonly believedEntries: number;
  /** All that is to be said of the boot's list so far: what `progress` keeps, and what this quote shows. */
  readonly findings: readonly Finding[];
  /** How many more there were. `progress.worst` counts them. */
  readonly findingsOmitted: number;
  /** The entry that the host is to send from next: 0 where the list has to be read anew. */
  readonly nextEntry: number;
};
