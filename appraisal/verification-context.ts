import type { AkCertificate, Issuer } from '@touchstone/endorsement';
import type { Purpose, Selection } from '@touchstone/schemas';
import type { TpmtPublic } from '@touchstone/tpm';

/** What evidence is verified against. None of it comes from the evidence. */
export type VerificationContext = {
  readonly purpose: Purpose;
  /** Null while enrolling: the host has no identifier yet. */
  readonly hostId: string | null;
  /** The challenge's own bytes, already found to be ours, live and for this purpose and AK. */
  readonly challenge: Uint8Array;
  readonly akPublic: TpmtPublic;
  readonly akCertificate: AkCertificate;
  /** The flat list of issuers, by key identifier. */
  readonly issuers: readonly Issuer[];
  /** What the challenge asked to be quoted. */
  readonly selection: Selection;
  readonly now: Date;
  readonly bundleEpochMin?: number;
};
