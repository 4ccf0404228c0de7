import { Uuid, Vm, VmList, VmStarts } from '@touchstone/schemas';
import { listRegistered } from '../../services/lists.ts';
import { registerVm, viewStarts, viewVm } from '../../services/vms.ts';
import { type OperatorRoute, route } from '../operator-route.ts';

/** VMs and their starts. */
export const VM_ROUTES: readonly OperatorRoute[] = [
  route({
    method: 'GET',
    path: '/v1/vms',
    summary: 'Every registered VM, by name',
    paged: true,
    role: 'viewer',
    answer: VmList,
    handle: ({ verifier, page }) => listRegistered(verifier, page),
  }),
  route({
    method: 'POST',
    path: '/v1/vms',
    summary: 'Register a VM',
    role: 'operator',
    body: Vm,
    answer: Vm,
    handle: ({ verifier, by, body }) => registerVm(verifier, by, body),
  }),
  route({
    method: 'GET',
    path: '/v1/vms/:key',
    summary: 'One VM',
    tagged: true,
    role: 'viewer',
    key: Uuid,
    answer: Vm,
    handle: ({ verifier, key }) => viewVm(verifier, key),
  }),
  route({
    method: 'GET',
    path: '/v1/vms/:key/starts',
    summary: 'Who asked to start it, and what became of that',
    paged: true,
    role: 'viewer',
    key: Uuid,
    answer: VmStarts,
    handle: ({ verifier, key, page }) => viewStarts(verifier, key, page),
  }),
];
