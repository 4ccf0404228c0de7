import type { AssuranceClass, HostState, Labels } from '@touchstone/schemas';

/** What is stored; `stale` is derived when reading. */
export type StoredState = Exclude<HostState, 'stale'>;

export type Standing = {
  readonly state: StoredState;
  /** The latest boot in which the host was bad; null unless it is untrusted. */
  readonly untrustedResetCount: bigint | null;
};

/** The TPM's counters: each greater than the last, or the evidence is not newer. */
export type Mark = {
  readonly resetCount: bigint;
  readonly restartCount: bigint;
  readonly clock: bigint;
};

export type Host = Standing & {
  readonly id: string;
  readonly name: string;
  readonly stateSince: Date;
  readonly class: AssuranceClass;
  readonly admissibleClasses: AssuranceClass[];
  readonly labels: Labels;
  readonly ekRef: string;
  readonly akName: string;
  /** TPM2B_PUBLIC. */
  readonly akPublic: Uint8Array;
  /** DER. */
  readonly akCertificate: Uint8Array;
  /** The key id of whoever signed it, as it is counted and shown; '' where nobody can say. */
  readonly akIssuer: string;
  /** The same of the certificate that it attested by last; null: the same one. */
  readonly markIssuer: string | null;
  readonly approvedAkName: string | null;
  readonly enrolledAt: Date;
  readonly mark: Mark;
  readonly markEvidence: string;
  /** The UTC day of its partition, or -infinity for what outlived it. */
  readonly markEvidenceDay: string;
  readonly lastAuthenticAt: Date;
  readonly latestAttestation: string;
  /** As that of the evidence. */
  readonly latestAttestationDay: string;
  /** The newest trust bundle that its statements have shown. */
  readonly bundleEpoch: number;
  /** TPM2B_PUBLIC of the key that secrets are bound to. */
  readonly bindingPublic: Uint8Array;
  /** SHA-256 of what it told last of its gate; null: nothing. */
  readonly gateReport: string | null;
};
