import type { DiskName, StartRequest, Vm } from '@touchstone/schemas';

/** Disks whose keys the VM is to get: those that its record seals, and that the host has for it. */
export const sealedDisksOf = (vm: Vm | null, { dataDisks = [] }: StartRequest): DiskName[] =>
  (vm?.disks ?? []).flatMap(({ name, kind }) =>
    kind === 'sealed' && dataDisks.includes(name) ? [name] : [],
  );
