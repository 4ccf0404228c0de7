import { caError } from './ca-error.ts';
import type { Issuance } from './issuance/index.ts';
import { activeIssuer } from './store/index.ts';

type Issuer = NonNullable<Awaited<ReturnType<typeof activeIssuer>>>;

/**
 * The issuing CA, whose key is in custody.
 * @throws AppError STATE_INCOMPLETE if there is none, KEY_NOT_HELD if its key is elsewhere, or lost
 */
export async function requireHeld(
  on: Parameters<typeof activeIssuer>[0],
  issuance: Pick<Issuance, 'keys'>,
): Promise<Issuer> {
  const issuer = await activeIssuer(on);
  if (issuer === undefined) throw caError('STATE_INCOMPLETE', 503, { detail: 'no issuing CA' });
  const keys = await issuance.keys();
  if (keys.some(({ keyId, role }) => role === 'issuing' && keyId === issuer.keyId)) return issuer;
  throw caError('KEY_NOT_HELD', 503, { detail: `issuing ${issuer.keyId}` });
}
