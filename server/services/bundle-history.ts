import { decodeJwt } from 'jose';
import { checkAgainst, TrustBundle } from '@touchstone/schemas';
import type { Queryable } from '../store/database.ts';
import { bundlesDownFrom } from '../store/trust-bundles.ts';

export type FirstEpoch = { readonly epoch: number; readonly since: Date };

/**
 * Since which trust bundle agents know of something: the first of the unbroken line up to the newest whose bundles all
 * say it. Null: the newest does not.
 */
export async function firstEpochOf(
  on: Queryable,
  says: (bundle: TrustBundle) => boolean,
): Promise<FirstEpoch | null> {
  let first: FirstEpoch | null = null;
  for (let below = Number.MAX_SAFE_INTEGER; ;) {
    const page = await bundlesDownFrom(on, below);
    for (const { epoch, jws, createdAt } of page) {
      if (!says(checkAgainst(TrustBundle, decodeJwt(jws)))) return first;
      first = { epoch, since: createdAt };
      below = epoch;
    }
    if (page.length === 0) return first;
  }
}
