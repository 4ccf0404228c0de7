import type { Verdict } from '@touchstone/schemas';

/** A software TPM's host is never better than `warning`: whether it may kexec is not measured. */
export const isGood = (verdict: Verdict): boolean =>
  verdict === 'affirming' || verdict === 'warning';
