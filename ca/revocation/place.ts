import type { CaContext } from '../enroll.ts';
import { type ListPlace, takePlace } from '../store/index.ts';
import { publishList } from './publish.ts';

/**
 * A place in a revocation list for a certificate that is about to be signed. Its list is there before the certificate
 * leaves: who verifies does not take one of which nobody can know whether it was revoked.
 */
export async function placeForCertificate(
  context: Pick<CaContext, 'pool' | 'issuance' | 'lists' | 'publicUrl'>,
  issuerKeyId: string,
): Promise<ListPlace & { readonly url: string }> {
  const urlOfIssuer = `${urlOfLists(context)}${issuerKeyId}/`;
  for (;;) {
    const place = await takePlace(context.pool, issuerKeyId, urlOfIssuer);
    // Somebody else took the last place of a partition; the next one has 2,000.
    if (place === null) continue;
    if (!place.listed) await publishList(context, place);
    return place;
  }
}

/** What every list's URL begins with. */
export const urlOfLists = ({ publicUrl }: Pick<CaContext, 'publicUrl'>): string =>
  `${publicUrl.replace(/\/$/u, '')}/v1/crls/`;
