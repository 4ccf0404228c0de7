import { compactVerify, importJWK } from 'jose';
import type { Static, TSchema } from 'typebox';
import { checkAgainst, parseStrictJson, type TrustBundle } from '@touchstone/schemas';

/**
 * What a permit key of the trust bundle signed with ES256, as that type of token and for the bundle's issuer. The header
 * names the key, and nothing else decides which one is used.
 * @throws Error what is wrong with it
 */
export async function readSignedClaims<T extends TSchema>(
  token: string,
  bundle: TrustBundle,
  { typ, schema }: { readonly typ: string; readonly schema: T },
): Promise<Static<T>> {
  const { payload, protectedHeader } = await compactVerify(
    token,
    async ({ kid }) => {
      const keys = bundle.keys.filter(({ use, jwk }) => use === 'permit' && jwk.kid === kid);
      const [key] = keys;
      if (key === undefined || keys.length !== 1) throw new Error('no such permit key');
      return importJWK(key.jwk, 'ES256');
    },
    { algorithms: ['ES256'] },
  );
  const extra = Object.keys(protectedHeader).filter(
    (name) => !['alg', 'kid', 'typ'].includes(name),
  );
  if (protectedHeader.typ !== typ) throw new Error(`not a ${typ}`);
  if (extra.length > 0) throw new Error(`header ${extra.join(', ')}`);
  const claims = checkAgainst<T>(schema, parseStrictJson(payload));
  const { iss } = claims as { readonly iss?: unknown };
  if (iss !== bundle.issuer) throw new Error(`issued by ${String(iss)}`);
  return claims;
}
