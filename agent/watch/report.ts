import type { DecidedAlone, GateReport, ReportedExposure } from '@touchstone/schemas';
import { fittingReport } from './fitting-report.ts';
import { runningVm, type SeenVm } from './judge.ts';

/** For a statement. `sinceOf`: since when a process runs. */
export function gateReport(
  seen: {
    readonly vms: readonly SeenVm[];
    readonly exposures: readonly ReportedExposure[];
    readonly decided: readonly DecidedAlone[];
  },
  sinceOf: (startTicks: number) => string,
): GateReport {
  const { vms, exposures, decided } = seen;
  const running = vms
    .map((vm) => runningVm(vm, sinceOf))
    .toSorted((a, b) => compare(a.vm ?? '', b.vm ?? '') || compare(a.name, b.name));
  return fittingReport({ running, exposures, decided });
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
