import type { FindingEffect, TrustVector } from '@touchstone/schemas';
import { SOFTWARE_PCRS } from './software-grammar.ts';

/**
 * The AR4SI claims (draft-ietf-rats-ar4si, section 2.3). A claim is made only where a rule enforces what
 * it rests on. `hardware` is 0, no claim: nothing here looks at a TPM's make. Executables are 3 at best,
 * approved while booting: nothing is measured afterwards.
 */
export function trustVector(appraised: {
  /** The worst that was found of each. */
  readonly configuration: FindingEffect | null;
  readonly executables: FindingEffect | null;
  readonly enforcedPcrs: readonly number[];
}): TrustVector {
  const { configuration, executables, enforcedPcrs } = appraised;
  const approved = (pcr: number, claim: number) => (enforcedPcrs.includes(pcr) ? claim : 0);
  return {
    'instance-identity': 2,
    configuration: against(configuration) ?? approved(SOFTWARE_PCRS.commandLine, 2),
    executables: against(executables) ?? approved(SOFTWARE_PCRS.bootChain, 3),
    hardware: 0,
  };
}

/** Nobody knows: AR4SI's "verifier malfunction", section 2.3.2. */
export const UNKNOWN_VECTOR: TrustVector = {
  'instance-identity': 2,
  configuration: -1,
  executables: -1,
  hardware: 0,
};

/** Both claims read alike: 96 is contraindicated, 32 approved with reservations. */
function against(worst: FindingEffect | null): number | undefined {
  if (worst === null || worst === 'observe') return undefined;
  return worst === 'warn' ? 32 : 96;
}
