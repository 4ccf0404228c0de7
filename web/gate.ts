import type {
  ExposureList,
  GateStatus,
  ReasonTitles,
  RefusedStarts,
  VmStandings,
} from '@touchstone/schemas';
import { api } from './api.ts';
import { useWhileLooking } from './while-looking.ts';

/** The start gate of the fleet: whether it refuses, what runs without a proof, where VMs are, what was refused last. */
export type Gate = {
  readonly status: GateStatus;
  readonly exposures: ExposureList['exposures'];
  readonly vms: VmStandings['vms'];
  readonly refusals: RefusedStarts['refusals'];
  /** Whether there are more exposures or VMs than are shown. */
  readonly more: { readonly exposures: boolean; readonly vms: boolean };
};

const ASK_EVERY_MS = 15_000;

/** While somebody looks; null until the first answer. */
export const useGate = (inside: boolean): Gate | null =>
  useWhileLooking(inside, readGate, ASK_EVERY_MS);

async function readGate(): Promise<Gate> {
  const [status, exposed, standing, { refusals }] = await Promise.all([
    api.gate(),
    api.exposures(),
    api.vmStandings(),
    api.refusals(),
  ]);
  return {
    ...{ status, exposures: exposed.exposures, vms: standing.vms, refusals },
    more: {
      exposures: exposed.nextCursor !== undefined,
      vms: standing.nextCursor !== undefined,
    },
  };
}

/** What of it is about one host. */
export const gateAt = (gate: Gate, host: string): Gate => ({
  ...gate,
  exposures: gate.exposures.filter(({ hostName }) => hostName === host),
  refusals: gate.refusals.filter(({ hostName }) => hostName === host),
  vms: gate.vms.filter(
    ({ running, place }) =>
      place?.hostName === host || running.some(({ hostName }) => hostName === host),
  ),
});

export type ReasonOf = (code: string) => ReasonTitles['reasons'][number] | undefined;
