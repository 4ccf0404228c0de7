import type { FindingEffect, TrustVector } from '@touchstone/schemas';
import { SOFTWARE_PCRS } from './software-grammar.ts';

/** Where a kernel's command line is measured: GRUB's and the software log's in PCR 8, systemd-stub's in 12. */
export const COMMAND_LINE_PCRS: readonly number[] = [SOFTWARE_PCRS.commandLine, 12];
/** Where what is started is measured: the firmware's boot applications in PCR 4, the software log's kernel in 9. */
const EXECUTABLE_PCRS: readonly number[] = [4, SOFTWARE_PCRS.bootChain];

/**
 * The AR4SI claims (draft-ietf-rats-ar4si, section 2.3). A claim is made only where a rule enforces what
 * it rests on. `hardware` is no more than what is known against the TPM: 0, no claim, where that is nothing. Executables are 3 at best,
 * approved while booting: nothing is measured afterwards.
 */
export function trustVector(appraised: {
  /** The worst that was found of each. */
  readonly configuration: FindingEffect | null;
  readonly executables: FindingEffect | null;
  readonly hardware: FindingEffect | null;
  readonly enforcedPcrs: readonly number[];
}): TrustVector {
  const { configuration, executables, hardware, enforcedPcrs } = appraised;
  const approved = (pcrs: readonly number[], claim: number) =>
    pcrs.some((pcr) => enforcedPcrs.includes(pcr)) ? claim : 0;
  return {
    'instance-identity': 2,
    configuration: against(configuration) ?? approved(COMMAND_LINE_PCRS, 2),
    executables: against(executables) ?? approved(EXECUTABLE_PCRS, 3),
    hardware: against(hardware) ?? 0,
  };
}

/** Nobody knows: AR4SI's "verifier malfunction", section 2.3.2. */
export const UNKNOWN_VECTOR: TrustVector = {
  'instance-identity': 2,
  configuration: -1,
  executables: -1,
  hardware: 0,
};

/** The claims read alike: 96 is contraindicated, 32 approved with reservations. */
function against(worst: FindingEffect | null): number | undefined {
  if (worst === null || worst === 'observe') return undefined;
  return worst === 'warn' ? 32 : 96;
}
