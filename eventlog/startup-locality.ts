import { EV_EFI_HCRTM_EVENT, EV_NO_ACTION } from './event-types.ts';
import type { LogEvent } from './log-event.ts';

/** The locality that TPM2_Startup came from; PCR 0 starts at it: TCG PC Client PFP, 10.4.5.3. */
export type StartupLocality = 0 | 3 | 4;

export type LocalityProblem = {
  readonly code: 'STARTUP_LOCALITY';
  readonly index: number;
  readonly detail: string;
};

/** An H-CRTM measures before TPM2_Startup, and PCR 0 then starts at 4: TPM 2.0 Part 1, "H-CRTM". */
const HCRTM_LOCALITY = 4;
const SIGNATURE = 'StartupLocality\0';

/**
 * What the log says of the startup locality. It is no digest's subject, and yet bound: PCR 0 replays to
 * the quoted value from the true one only. A contradiction is a problem and leaves the locality out.
 */
export function findStartupLocality(events: readonly LogEvent[]): {
  readonly locality?: StartupLocality;
  readonly problems: readonly LocalityProblem[];
} {
  const problems: LocalityProblem[] = [];
  const report = (index: number, detail: string): void => {
    problems.push({ code: 'STARTUP_LOCALITY', index, detail });
  };
  let locality: StartupLocality | undefined;
  let isStated = false;
  let hasHcrtm = false;
  let hasOther = false;
  for (const event of events) {
    if (isStartupLocality(event)) {
      const stated = localityIn(event);
      if (event.pcr !== 0) report(event.index, `in PCR ${event.pcr}`);
      else if (hasHcrtm || hasOther) report(event.index, 'after PCR 0 was extended');
      else if (isStated) report(event.index, 'a second time');
      else if (stated === undefined) report(event.index, 'neither 0, 3 nor 4');
      else locality = stated;
      isStated = true;
    } else if (event.claimedType === EV_EFI_HCRTM_EVENT) {
      if (event.pcr !== 0) report(event.index, `H-CRTM in PCR ${event.pcr}`);
      else if (hasOther) report(event.index, 'H-CRTM after PCR 0 was extended');
      else if (isStated && locality !== HCRTM_LOCALITY) report(event.index, 'H-CRTM, not at 4');
      else locality = HCRTM_LOCALITY;
      hasHcrtm = true;
    } else if (event.extends && event.pcr === 0) {
      hasOther = true;
    }
  }
  return { ...(problems.length === 0 && locality !== undefined && { locality }), problems };
}

const isStartupLocality = (event: LogEvent): boolean =>
  event.claimedType === EV_NO_ACTION &&
  event.data.length >= SIGNATURE.length &&
  Buffer.from(event.data.subarray(0, SIGNATURE.length)).toString('latin1') === SIGNATURE;

function localityIn({ data }: LogEvent): StartupLocality | undefined {
  const value = data[SIGNATURE.length];
  const isWhole = data.length === SIGNATURE.length + 1;
  return isWhole && (value === 0 || value === 3 || value === 4) ? value : undefined;
}
