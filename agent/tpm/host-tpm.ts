import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@touchstone/transport';
import { agentError } from '../codes.ts';

/** The TPM of a host: a chip, or what stands in for one, by its device; or the software TPM of a state directory. */
export type HostTpm =
  { readonly kind: 'software' } | { readonly kind: 'device'; readonly path: string };

export const SOFTWARE_TPM: HostTpm = { kind: 'software' };

/** Where a machine shows its TPMs: /dev and /sys/class/tpm. */
export type Machine = { readonly devices: string; readonly tpmClass: string };

/**
 * The device of this machine's TPM, behind the kernel's resource manager; null where there is no TPM at all. One
 * that is there and cannot be used that way (a TPM 1.2, a device that was not handed into a container) is never
 * taken for none.
 * @throws AppError TPM_UNUSABLE
 */
export async function findDevice({ devices, tpmClass }: Machine): Promise<string | null> {
  const names = await readdir(devices).catch(() => []);
  const [managed] = names.filter((name) => /^tpmrm[0-9]+$/u.test(name)).toSorted();
  if (managed !== undefined) return join(devices, managed);
  const known = await readdir(tpmClass).catch(() => []);
  const [raw] = [...names.filter((name) => /^tpm[0-9]+$/u.test(name)), ...known];
  if (raw === undefined) return null;
  const detail = `the kernel knows ${raw}, and there is no ${join(devices, 'tpmrm0')}`;
  throw agentError('TPM_UNUSABLE', { detail });
}

/** What a host with a software TPM leaves aside: a chip, in words. Null where there is none. */
export async function passedOverBy(tpm: HostTpm, machine: Machine): Promise<string | null> {
  if (tpm.kind !== 'software') return null;
  try {
    return await findDevice(machine);
  } catch (error) {
    return error instanceof AppError ? (error.detail ?? error.title) : String(error);
  }
}
