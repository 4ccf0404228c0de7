import type { HeldRevocationList, Revocation } from '@touchstone/endorsement';
import { ISSUER, NOW } from './made-authority.ts';

const HOUR_MS = 3_600_000;

/** The list of the one issuer of these tests for certificates that name none; an hour of grace. */
export function revocationWith(changed: Partial<HeldRevocationList> = {}): Revocation {
  const list: HeldRevocationList = {
    ...{ url: null, number: 3n, revoked: new Map() },
    nextUpdate: new Date(NOW.getTime() + HOUR_MS),
    ...changed,
  };
  return { lists: new Map([[`${ISSUER.keyId}/0`, list]]), graceSeconds: 3_600 };
}

export const OVERDUE = revocationWith({ nextUpdate: new Date(NOW.getTime() - HOUR_MS / 2) });
export const TOO_OLD = revocationWith({ nextUpdate: new Date(NOW.getTime() - 2 * HOUR_MS) });

/** The certificates of these tests have one serial number. */
export const REVOKED = revocationWith({
  revoked: new Map([['010203', { at: NOW, reason: 'cessationOfOperation' }]]),
});
