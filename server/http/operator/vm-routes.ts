import {
  DiskKeyList,
  DiskKeyRemoval,
  DiskKeySetting,
  Uuid,
  Vm,
  VmList,
  VmStarts,
} from '@touchstone/schemas';
import { listRegistered } from '../../services/lists.ts';
import { changeVm, removeVm } from '../../services/change-vm.ts';
import { removeDiskKey, setDiskKey, viewDiskKeys } from '../../services/disk-keys.ts';
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
    method: 'PUT',
    path: '/v1/vms/:key',
    summary: "Change a VM's record; what loosens takes the role approver and the quorum",
    role: 'operator',
    key: Uuid,
    body: Vm,
    answer: Vm,
    handle: ({ verifier, by, key, body }) => changeVm(verifier, by, key, body),
  }),
  route({
    method: 'DELETE',
    path: '/v1/vms/:key',
    summary: "Remove a VM's record, by the quorum",
    role: 'approver',
    key: Uuid,
    answer: Vm,
    handle: ({ verifier, by, key }) => removeVm(verifier, by, key),
  }),
  route({
    method: 'GET',
    path: '/v1/vms/:key/disk-keys',
    summary: 'Which of its disks a key is stored for; no key is shown',
    role: 'viewer',
    key: Uuid,
    answer: DiskKeyList,
    handle: ({ verifier, key }) => viewDiskKeys(verifier, key),
  }),
  route({
    method: 'POST',
    path: '/v1/vms/:key/disk-keys',
    summary: 'Store the key of a sealed disk; in the place of another it takes the quorum',
    role: 'operator',
    key: Uuid,
    body: DiskKeySetting,
    answer: DiskKeyList,
    handle: ({ verifier, by, key, body }) => setDiskKey(verifier, by, key, body),
  }),
  route({
    method: 'POST',
    path: '/v1/vms/:key/disk-keys/removal',
    summary: 'Remove the key of a sealed disk, by the quorum',
    role: 'approver',
    key: Uuid,
    body: DiskKeyRemoval,
    answer: DiskKeyList,
    handle: ({ verifier, by, key, body }) => removeDiskKey(verifier, by, key, body),
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
