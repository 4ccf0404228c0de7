import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkAgainst, Uuid } from '@touchstone/schemas';
import { announceCarriers } from '../store/carriers.ts';
import type { Verifier } from './verifier.ts';

const EVERY_MS = 3_600_000;
/** The uuid that the machine's firmware gives: of a virtual machine, that of the VM. Root may read it. */
const PRODUCT_UUID = '/sys/class/dmi/id/product_uuid';

/** This machine's, where this process may read it; else none. */
export async function ownUuid(path = PRODUCT_UUID): Promise<readonly string[]> {
  try {
    return [checkAgainst(Uuid, (await readFile(path, 'utf8')).trim().toLowerCase())];
  } catch {
    return [];
  }
}

/** Says at once and then every hour which machines this replica runs on. */
export async function keepCarriers(
  { database, clock }: Pick<Verifier, 'database' | 'clock'>,
  uuids: readonly string[],
  on: { readonly signal: AbortSignal; readonly onFailure: (error: unknown) => void },
): Promise<void> {
  const announce = async () => announceCarriers(database, uuids, clock.now());
  do {
    await announce().catch(on.onFailure);
    await sleep(EVERY_MS, undefined, { signal: on.signal, ref: false }).catch(() => {});
  } while (!on.signal.aborted);
}
