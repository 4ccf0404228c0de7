import type { Finding, FindingEffect, TrustVector } from '@touchstone/schemas';
import type { LiveBaseline } from './applicable-baselines.ts';
import type { PcrFinding } from './event-findings.ts';
import { SOFTWARE_PCRS } from './software-grammar.ts';

/**
 * The AR4SI claims (draft-ietf-rats-ar4si, section 2.3). A claim is made only where a rule enforces what
 * it rests on. `hardware` is 0, no claim: nothing here looks at a TPM's make. Executables are 3 at best,
 * approved while booting: nothing is measured afterwards.
 */
export function trustVector(appraised: {
  readonly findings: readonly Finding[];
  readonly events: readonly PcrFinding[];
  readonly live: readonly LiveBaseline[];
}): TrustVector {
  const { findings, events, live } = appraised;
  const enforced = new Set(
    live.flatMap(({ baseline }) =>
      baseline.rules.filter(({ mode }) => mode === 'enforce').map(({ pcr }) => pcr),
    ),
  );
  const isCommandLine = ({ pcr }: { readonly pcr: number }) => pcr === SOFTWARE_PCRS.commandLine;
  const configuration = worst([
    ...findings.filter(({ code }) => code !== 'KEXEC_UNMEASURED'),
    ...events.filter(isCommandLine).map(({ finding }) => finding),
  ]);
  const executables = worst([
    ...findings,
    ...events.filter((one) => !isCommandLine(one)).map(({ finding }) => finding),
  ]);
  return {
    'instance-identity': 2,
    configuration: configuration ?? (enforced.has(SOFTWARE_PCRS.commandLine) ? 2 : 0),
    executables: executables ?? (enforced.has(SOFTWARE_PCRS.bootChain) ? 3 : 0),
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
const CLAIM: Readonly<Record<FindingEffect, number>> = { enforce: 96, warn: 32, observe: 0 };

function worst(findings: readonly Finding[]): number | undefined {
  const claim = Math.max(0, ...findings.map(({ effect }) => CLAIM[effect]));
  return claim === 0 ? undefined : claim;
}
