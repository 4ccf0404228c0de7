import type {
  AssuranceClass,
  BaselineReference,
  BootState,
  Finding,
  ImaProgress,
  MeasuredEvent,
  Purpose,
  TrustVector,
  Verdict,
  WindowStanding,
} from '@touchstone/schemas';

import type { TpmStanding } from './advisories/tpm-findings.ts';

/** How far IMA's list of this boot is believed, and where the host goes on with it. Plain data. */
export type ImaOutcome = {
  /**
   * `none`: no list was sent. `whole`: the list leads to PCR 10 as it was quoted. `short`: it does not, so that what was
   * extended is not all known.
   */
  readonly list: 'none' | 'whole' | 'short';
  /** Whether any document for this host speaks of what IMA measures. */
  readonly isAsked: boolean;
  /** Of this evidence, those that are believed. */
  readonly believedEntries: number;
  readonly nextEntry: number;
  readonly progress?: ImaProgress;
};

/** What an appraisal found, and all of it. */
export type AppraisalOutcome = {
  readonly verdict: Verdict;
  readonly vector: TrustVector;
  /** Those that enforce first, then warnings, then observations; at most 256. */
  readonly findings: readonly Finding[];
  /** How many more there were. They counted for the verdict. */
  readonly findingsOmitted: number;
  /** The documents that apply to this host, expired ones too; at most 64. */
  readonly baselines: readonly BaselineReference[];
  /** How the host stands to the update windows that are for it. */
  readonly windows: readonly WindowStanding[];
  /** In the log's order; at most 4096. */
  readonly events: readonly MeasuredEvent[];
  /** What the log of the boot means. */
  readonly bootState: BootState;
  /** Whether the host itself measured what its TPM quotes. */
  readonly selfReportedMeasurements: boolean;
  /** Names the rules of this version and the very baselines that were used. */
  readonly policyId: string;
  /** The class that chose the log's grammar. */
  readonly class: AssuranceClass;
  /** SHA-256 of the TPMS_ATTEST, lower-case hex. */
  readonly evidence: string;
  readonly boot: {
    readonly resetCount: number;
    readonly restartCount: number;
    /** Milliseconds; a UINT64. */
    readonly clock: bigint;
  };
  readonly akName: string;
  readonly purpose: Purpose;
  readonly ima: ImaOutcome;
  /** What is known of the TPM itself. */
  readonly tpm: TpmStanding;
};
