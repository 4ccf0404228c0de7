import { checkAgainst, Uuid } from '@touchstone/schemas';
import { CliError } from './codes.ts';
import type { OperatorApi } from './operator-api.ts';

/** The server knows VMs by their UUID; people by their name. @throws CliError VM_UNKNOWN */
export async function uuidOf(api: OperatorApi, which: string): Promise<string> {
  if (isUuid(which)) return which;
  const { vms } = await api.vms();
  const named = vms.find(({ name }) => name === which);
  if (named === undefined) throw new CliError('VM_UNKNOWN', which);
  return named.uuid;
}

function isUuid(text: string): boolean {
  try {
    checkAgainst(Uuid, text);
    return true;
  } catch {
    return false;
  }
}
