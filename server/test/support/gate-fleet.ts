import { randomUUID } from 'node:crypto';
import type {
  EvidenceAnswer,
  GateReport,
  LicenceClaims,
  OrdersClaims,
  PermitsAnswer,
  Vm,
} from '@touchstone/schemas';
import { readJws } from '../../../test/support/jws.ts';
import { viewExposures } from '../../services/exposures.ts';
import { listAuditLog } from '../../services/lists.ts';
import { FIRST_PAGE } from '../../services/paging.ts';
import { takeAttestation, takePermitRequest } from '../../services/take-evidence.ts';
import { registerVm } from '../../services/vms.ts';
import { BY, useFleet } from './made-fleet.ts';
import type { MadeHost } from './made-host.ts';

const NOTHING: GateReport = { running: [], exposures: [], omitted: 0, decided: [] };
/** Since when things are as hosts tell them. */
export const AT = '2026-01-01T00:00:00.000Z';

export const claimsOf = <T>(jws: string): T => readJws(jws).claims as T;
export const ordersOf = (jws: string) => claimsOf<OrdersClaims>(jws);

/** A fleet with VMs, and what its hosts and the server tell each other of the gate. */
export function useGateFleet() {
  const fleet = useFleet();

  const report = (host: MadeHost, hostId: string, gate?: Partial<GateReport>) =>
    takeAttestation(
      fleet.verifier,
      host.answer({
        ...{ purpose: 'attest', challenge: fleet.challengeFor(host, 'attest'), hostId },
        second: gate === undefined ? {} : { gate: { ...NOTHING, ...gate } },
      }),
    );
  const ask = (host: MadeHost, hostId: string, vm: string): Promise<PermitsAnswer> =>
    takePermitRequest(
      fleet.verifier,
      fleet.batchEvidence(host, hostId, [fleet.secondRequestFor(vm)]),
    );
  const vmWith = async (more: Partial<Vm> = {}) => {
    const vm: Vm = {
      ...{ uuid: randomUUID(), name: fleet.newName(), classes: ['software'] },
      ...{ hostLabels: {}, images: [], ...more },
    };
    await registerVm(fleet.verifier, BY, vm);
    return vm;
  };
  const runningOf = (vm: string, permit: string | null = null) => ({
    ...{ vm, name: 'web', door: 'libvirt' as const, permit, paused: false, since: AT },
  });
  const exposuresAt = async (name: string) =>
    (await viewExposures(fleet.verifier, FIRST_PAGE, name)).exposures;
  const codesAt = async (name: string) => (await exposuresAt(name)).map(({ code }) => code);
  const licencesIn = ({ mandates }: Pick<EvidenceAnswer, 'mandates'>) =>
    (mandates?.licences ?? []).map((jws) => claimsOf<LicenceClaims>(jws));
  const audited = async (action: string, subject: string) => {
    const { entries } = await listAuditLog(fleet.verifier, FIRST_PAGE);
    return entries.filter((each) => each.action === action && each.subject === subject);
  };
  const onlyOrders = ({ mandates }: Pick<EvidenceAnswer, 'mandates'>) =>
    ordersOf(mandates?.orders ?? '');
  return {
    fleet,
    ...{ report, ask, vmWith, runningOf, exposuresAt, codesAt, licencesIn, audited, onlyOrders },
  };
}
