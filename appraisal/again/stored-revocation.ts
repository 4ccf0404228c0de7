import type { AkCertificate, Revocation } from '@touchstone/endorsement';
import type { OwnContext } from '@touchstone/schemas';
import { ContextError } from './context-error.ts';

type StoredList = NonNullable<OwnContext['crl']>;

/**
 * Of all revocation lists the one that a verified certificate was held against, without its entries: they are others'.
 * @throws TypeError for a certificate that no list vouches for: it was not verified
 */
export function trimmedList({ crl, serial }: AkCertificate, revocation: Revocation): StoredList {
  const list = revocation.lists.get(crl.key);
  if (list === undefined || list.revoked.has(serial))
    throw new TypeError('no verified certificate');
  const { number, nextUpdate } = list;
  const { graceSeconds } = revocation;
  return { number: `${number}`, nextUpdate: nextUpdate.toISOString(), graceSeconds };
}

/** @throws ContextError */
export function revocationIn(
  { number, nextUpdate: text, graceSeconds }: StoredList,
  { crl }: AkCertificate,
): Revocation {
  const nextUpdate = new Date(text);
  if (Number.isNaN(nextUpdate.getTime())) throw new ContextError('/own/crl/nextUpdate', 'no time');
  const list = { url: crl.url, number: BigInt(number), nextUpdate, revoked: new Map() };
  return { lists: new Map([[crl.key, list]]), graceSeconds };
}
