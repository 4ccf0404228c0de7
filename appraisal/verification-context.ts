import type { AkCertificate, Issuer, Revocation } from '@touchstone/endorsement';
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
  /** The issuers' revocation lists; absent where the CA gives none, as older versions of it do not. */
  readonly revocation?: Revocation | undefined;
  /** What the challenge asked to be quoted. */
  readonly selection: Selection;
  readonly now: Date;
  readonly bundleEpochMin?: number;
};
