import type { Queryable } from '../store/database.ts';
import { holdsOneOf, issuerHeldTo } from '../store/issuers-held.ts';
import { knownOrNothing } from './issuer-standing.ts';
import type { IssuerList, KnownIssuers } from './issuers.ts';

/** How long it may take until a host is asked that was not concerned before. */
const LOOK_EVERY_MS = 1_000;

/** Whether the host with this AK should have its certificate renewed now. */
export type AskToRenew = (akName: string) => Promise<boolean>;

/**
 * Asked with each challenge, of which there are thousands a second. While no host at all is held to a certificate
 * that the CA wants renewed, nobody is looked up.
 */
export function askToRenew(parts: {
  readonly database: Queryable;
  readonly issuers: IssuerList;
}): AskToRenew {
  const { database } = parts;
  let looked = { epoch: 0, atMs: -Infinity, any: false };
  return async (akName) => {
    const known = knownOrNothing(parts);
    const wanted = known === null ? [] : wantedOf(known);
    if (known === null || wanted.length === 0) return false;
    const isOld = performance.now() - looked.atMs > LOOK_EVERY_MS;
    if (known.epoch !== looked.epoch || isOld) {
      const any = await holdsOneOf(
        database,
        wanted.map(({ issuerKeyId }) => issuerKeyId),
      );
      looked = { epoch: known.epoch, atMs: performance.now(), any };
    }
    if (!looked.any) return false;
    const held = await issuerHeldTo(database, akName);
    return wanted.some(
      ({ issuerKeyId, ekRefs }) =>
        issuerKeyId === held?.akIssuer && (ekRefs === undefined || ekRefs.includes(held.ekRef)),
    );
  };
}

/** Whoever is refused is to be left, whether the CA says so or not. */
const wantedOf = ({
  renewals = [],
  issuers,
}: KnownIssuers): NonNullable<KnownIssuers['renewals']> => [
  ...renewals,
  ...issuers.flatMap(({ keyId, state }) => (state === 'refused' ? [{ issuerKeyId: keyId }] : [])),
];
