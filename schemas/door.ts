import { Type } from 'typebox';
import { oneOf } from './scalars.ts';

/** How the VM comes to run: from nothing, from a file that it was saved to, from another host where it runs. */
export const Operation = oneOf('start', 'restore', 'migrate');
export type Operation = Type.Static<typeof Operation>;

/** Where the host was asked. */
export const Door = oneOf('run', 'systemd', 'libvirt');
export type Door = Type.Static<typeof Door>;

/** A disk of a VM: libvirt's target (`vda`), or `disk0`, `disk1` in the order in which a command names them. */
export const DiskName = Type.String({ pattern: '^[a-z][a-z0-9]{0,31}$', maxLength: 32 });
export type DiskName = Type.Static<typeof DiskName>;
