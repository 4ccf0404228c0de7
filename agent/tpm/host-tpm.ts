import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@touchstone/transport';
import { agentError } from '../codes.ts';

/** The TPM of a host: a chip, or what stands in for one, by its device; or the software TPM of a state directory. */
export type HostTpm =
  { readonly kind: 'software' } | { readonly kind: 'device'; readonly path: string };

export const SOFTWARE_TPM: HostTpm = { kind: 'software' };

/** Where a machine shows its TPMs: /dev, /sys/class/tpm, and what its firmware says: /sys/firmware/acpi/tables. */
export type Machine = {
  readonly devices: string;
  readonly tpmClass: string;
  readonly acpiTables: string;
};

/** ACPI Specification, 5.2.6: of a TPM 2.0, and of a TPM 1.2. */
const ACPI_OF_TPM = ['TPM2', 'TCPA'];

/**
 * The device of this machine's TPM, behind the kernel's resource manager; null where there is no TPM at all. One
 * that is there and cannot be used that way (a TPM 1.2, a device that was not handed into a container, a chip without
 * a driver) is never taken for none, nor is a place that cannot be looked into.
 * @throws AppError TPM_UNUSABLE
 */
export async function findDevice(machine: Machine): Promise<string | null> {
  const { devices } = machine;
  const names = await namesIn(devices);
  const [managed] = names.filter((name) => /^tpmrm[0-9]+$/u.test(name)).toSorted();
  if (managed !== undefined) return join(devices, managed);
  const known = await namesIn(machine.tpmClass);
  const [raw] = [...names.filter((name) => /^tpm[0-9]+$/u.test(name)), ...known];
  if (raw !== undefined) {
    throw unusable(`the kernel knows ${raw}, and there is no ${join(devices, 'tpmrm0')}`);
  }
  const [table] = (await namesIn(machine.acpiTables)).filter((name) => ACPI_OF_TPM.includes(name));
  if (table === undefined) return null;
  throw unusable(`the firmware has the table ${table}, and the kernel no driver for its TPM`);
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw unusable(message);
  }
}

const unusable = (detail: string) => agentError('TPM_UNUSABLE', { detail });

/** What a host with a software TPM leaves aside: a chip, in words. Null where there is none. */
export async function passedOverBy(tpm: HostTpm, machine: Machine): Promise<string | null> {
  if (tpm.kind !== 'software') return null;
  try {
    return await findDevice(machine);
  } catch (error) {
    return error instanceof AppError ? (error.detail ?? error.title) : String(error);
  }
}
