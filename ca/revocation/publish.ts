import type { CaContext } from '../enroll.ts';
import {
  dueLists,
  inTransaction,
  type ListPlace,
  lockListContents,
  storeList,
} from '../store/index.ts';

/** How often lists are made without anything having happened, and how long each counts. */
export type ListTimes = { readonly everySeconds: number; readonly validSeconds: number };

type Publisher = Pick<CaContext, 'pool' | 'issuance' | 'lists'>;

/**
 * Makes the newest list of one place, unless that is there already and nobody asks for `anew`. Of two at once the
 * second finds the first one's. Nothing is made for an issuer that is believed no more.
 */
export async function publishList(
  { pool, issuance, lists }: Publisher,
  place: ListPlace,
  { anew = false } = {},
): Promise<void> {
  await inTransaction(pool, async (client) => {
    const contents = await lockListContents(client, place);
    if (contents === undefined || (contents.isCurrent && !anew)) return;
    const { issuer, url, number, thisUpdate, revoked } = contents;
    const nextUpdate = new Date(thisUpdate.getTime() + lists.validSeconds * 1_000);
    const times = { number, thisUpdate, nextUpdate };
    const named = url === null ? {} : { url };
    const der = await issuance.signCrl({ issuer, ...named, ...times, revoked });
    await storeList(client, place, { ...times, der });
  });
}

/** All that are due, whatever becomes of one: the first failure is thrown when the others are made. */
export async function publishDue(publisher: Publisher): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  for (const place of await dueLists(publisher.pool, publisher.lists.everySeconds)) {
    await publishList(publisher, place, { anew: true }).catch((error: unknown) => {
      failure ??= { error };
    });
  }
  if (failure !== undefined) throw failure.error;
}
