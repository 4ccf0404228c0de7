import type { HostNames, HostNamesRequest } from '@touchstone/schemas';
import { namesByEkRef } from '../store/hosts.ts';
import type { Verifier } from './verifier.ts';

/** For what the CA says of TPMs, which it knows by their ekRef alone. */
export async function viewHostNames(
  { database }: Pick<Verifier, 'database'>,
  { ekRefs }: HostNamesRequest,
): Promise<HostNames> {
  return { hosts: await namesByEkRef(database, ekRefs) };
}
