import type { DecidedAlone, GateReport, ReportedExposure, RunningVm } from '@touchstone/schemas';

const MAX_RUNNING = 512;
const MAX_EXPOSURES = 128;
const MAX_DECIDED = 64;
/** Of a statement that may have twice as many. */
const MAX_BYTES = 262_144;

/**
 * As much as a statement takes, exposures first; the rest is counted. What any user of the host can make as much of as he
 * likes takes the room that is left: programs that nobody asked about.
 */
export function fittingReport(all: {
  readonly running: readonly RunningVm[];
  readonly exposures: readonly ReportedExposure[];
  readonly decided: readonly DecidedAlone[];
}): GateReport {
  let left = MAX_BYTES;
  let omitted = 0;
  const fitting = <T>(items: readonly T[], most: number): T[] => {
    const taken: T[] = [];
    for (const item of items) {
      const bytes = Buffer.byteLength(JSON.stringify(item)) + 1;
      if (taken.length < most && bytes <= left) {
        taken.push(item);
        left -= bytes;
      } else omitted += 1;
    }
    return taken;
  };
  const exposures = fitting(all.exposures.filter(not(isByHand)), MAX_EXPOSURES);
  const decided = fitting(all.decided, MAX_DECIDED);
  const running = fitting(all.running.filter(not(isNobodys)), MAX_RUNNING);
  const byHand = fitting(all.exposures.filter(isByHand), MAX_EXPOSURES - exposures.length);
  const nobodys = fitting(all.running.filter(isNobodys), MAX_RUNNING - running.length);
  return {
    running: [...running, ...nobodys],
    exposures: [...exposures, ...byHand],
    decided,
    omitted,
  };
}

const isByHand = ({ code }: ReportedExposure): boolean => code === 'QEMU_BY_HAND';
const isNobodys = ({ vm }: RunningVm): boolean => vm === null;
const not =
  <T>(is: (item: T) => boolean) =>
  (item: T): boolean =>
    !is(item);
