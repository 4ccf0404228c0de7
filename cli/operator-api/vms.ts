import {
  DiskKeyList,
  type DiskKeyRemoval,
  type DiskKeySetting,
  Vm,
  type VmClearance,
  VmList,
  VmStanding,
  VmStandings,
  VmStarts,
} from '@touchstone/schemas';
import { type BearerRoutes, wholeList, withQuery } from '../bearer-routes.ts';

/** VMs by their records, their starts and the keys of their disks. */
export const vmRoutes = ({ at, get, post, put, delete: del }: BearerRoutes) => ({
  vms: async () => ({
    vms: await wholeList(
      (cursor) => get(withQuery(at('vms'), cursor), VmList),
      ({ vms }) => vms,
    ),
  }),
  vm: (uuid: string) => get(at('vms', uuid), Vm),
  vmStandings: async () => ({
    vms: await wholeList(
      (cursor) => get(withQuery(at('vm-standings'), cursor), VmStandings),
      ({ vms }) => vms,
    ),
  }),
  vmStanding: (uuid: string) => get(at('vms', uuid, 'standing'), VmStanding),
  vmStarts: (uuid: string) => get(at('vms', uuid, 'starts'), VmStarts),
  clearVm: (uuid: string, body: VmClearance) => post(at('vms', uuid, 'clearance'), body, Vm),
  addVm: (body: Vm) => post(at('vms'), body, Vm),
  changeVm: (body: Vm) => put(at('vms', body.uuid), body, Vm),
  removeVm: (uuid: string) => del(at('vms', uuid), Vm),

  diskKeys: (uuid: string) => get(at('vms', uuid, 'disk-keys'), DiskKeyList),
  setDiskKey: (uuid: string, body: DiskKeySetting) =>
    post(at('vms', uuid, 'disk-keys'), body, DiskKeyList),
  removeDiskKey: (uuid: string, body: DiskKeyRemoval) =>
    post(at('vms', uuid, 'disk-keys', 'removal'), body, DiskKeyList),
});
