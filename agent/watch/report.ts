import type { DecidedAlone, GateReport, ReportedExposure, RunningVm } from '@touchstone/schemas';

const MAX_RUNNING = 512;
const MAX_EXPOSURES = 128;
const MAX_DECIDED = 64;
/** Of a statement that may have twice as many. */
const MAX_BYTES = 262_144;

/** As much as a statement takes, exposures first; the rest is counted. */
export function fittingReport(all: {
  readonly running: readonly RunningVm[];
  readonly exposures: readonly ReportedExposure[];
  readonly decided: readonly DecidedAlone[];
}): GateReport {
  let left = MAX_BYTES;
  let omitted = 0;
  const fitting = <T>(items: readonly T[], most: number): T[] =>
    items.filter((item, at) => {
      left -= Buffer.byteLength(JSON.stringify(item)) + 1;
      const fits = at < most && left >= 0;
      if (!fits) omitted += 1;
      return fits;
    });
  const exposures = fitting(all.exposures, MAX_EXPOSURES);
  const decided = fitting(all.decided, MAX_DECIDED);
  const running = fitting(all.running, MAX_RUNNING);
  return { running, exposures, decided, omitted };
}
