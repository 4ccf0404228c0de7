import { APPRAISAL_REASONS } from './appraisal-reasons.ts';
import { COMPARISON_REASONS } from './comparison/comparison-reasons.ts';
import { ENDORSEMENT_REASONS } from './endorsement-reasons.ts';
import { EVIDENCE_REASONS } from './evidence-reasons.ts';
import { IMA_REASONS } from './ima-reasons.ts';
import { TPM_REASONS } from './tpm-reasons.ts';
import { FIRMWARE_REASONS } from './firmware-reasons.ts';

/** Every reason code of this room, with what it means and who can do what about it. */
export const REASONS = {
  ...EVIDENCE_REASONS,
  ...ENDORSEMENT_REASONS,
  ...APPRAISAL_REASONS,
  ...COMPARISON_REASONS,
  ...FIRMWARE_REASONS,
  ...IMA_REASONS,
  ...TPM_REASONS,
} as const;

export type ReasonCode = keyof typeof REASONS;
