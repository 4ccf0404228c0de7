import {
  EnforcementRequest,
  ExposureList,
  GateStatus,
  ObservationRequest,
  RefusedStarts,
  Uuid,
  Vm,
  VmClearance,
  VmStanding,
  VmStandings,
} from '@touchstone/schemas';
import { clearVm } from '../../services/clear-vm.ts';
import { viewExposures } from '../../services/exposures.ts';
import { enforce, observe, viewGate } from '../../services/gate-mode.ts';
import { viewRefusals, viewStanding, viewStandings } from '../../services/vm-standings.ts';
import { type OperatorRoute, route } from '../operator-route.ts';

/** The start gate of the whole fleet: whether it refuses, what runs without a proof, where VMs are. */
export const GATE_ROUTES: readonly OperatorRoute[] = [
  route({
    method: 'GET',
    path: '/v1/gate',
    summary: 'Whether the gate refuses, or only observes',
    role: 'viewer',
    answer: GateStatus,
    handle: ({ verifier }) => viewGate(verifier),
  }),
  route({
    method: 'POST',
    path: '/v1/gate/observation',
    summary: 'For a time refuse no start, and report what would have been refused',
    role: 'approver',
    body: ObservationRequest,
    answer: GateStatus,
    handle: ({ verifier, by, body }) => observe(verifier, by, body),
  }),
  route({
    method: 'POST',
    path: '/v1/gate/enforcement',
    summary: 'Refuse again from now on',
    role: 'approver',
    body: EnforcementRequest,
    answer: GateStatus,
    handle: ({ verifier, by, body }) => enforce(verifier, by, body),
  }),
  route({
    method: 'GET',
    path: '/v1/exposures',
    summary: 'What runs without a proof, the latest first; with `name`, at one host',
    paged: true,
    takesName: true,
    role: 'viewer',
    answer: ExposureList,
    handle: ({ verifier, page, name }) => viewExposures(verifier, page, name),
  }),
  route({
    method: 'GET',
    path: '/v1/vm-standings',
    summary: 'Every registered VM by name: where it runs, by what ground, and whether it is held',
    paged: true,
    role: 'viewer',
    answer: VmStandings,
    handle: ({ verifier, page }) => viewStandings(verifier, page),
  }),
  route({
    method: 'GET',
    path: '/v1/vms/:key/standing',
    summary: 'One VM: where it runs, by what ground, and whether it is held',
    tagged: true,
    role: 'viewer',
    key: Uuid,
    answer: VmStanding,
    handle: ({ verifier, key }) => viewStanding(verifier, key),
  }),
  route({
    method: 'GET',
    path: '/v1/refusals',
    summary: 'Starts that were refused, the latest first',
    paged: true,
    role: 'viewer',
    answer: RefusedStarts,
    handle: ({ verifier, page }) => viewRefusals(verifier, page),
  }),
  route({
    method: 'POST',
    path: '/v1/vms/:key/clearance',
    summary: 'Let a VM start again that is held since the trust in its host was lost',
    role: 'approver',
    key: Uuid,
    body: VmClearance,
    answer: Vm,
    handle: ({ verifier, by, key, body }) => clearVm(verifier, by, key, body),
  }),
];
