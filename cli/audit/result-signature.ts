import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { checkAgainst, parseStrictJson, type SigningJwk, TrustBundle } from '@touchstone/schemas';
import type { OperatorApi } from '../operator-api.ts';

/** The keys that signed results, by key id: of every trust bundle there was. */
export type ResultKeys = ReadonlyMap<string, KeyObject>;

/** More rotations than anybody makes. */
const MAX_PAGES = 1_000;

/**
 * All trust bundles, each signed by the key that the one before it names and the first by its own: whoever puts a key
 * of theirs among them has to make all later ones anew, and no agent follows that.
 * @throws TypeError where one does not follow from the one before
 */
export async function resultKeysOf(
  api: Pick<OperatorApi, 'trustBundlesAfter'>,
): Promise<ResultKeys> {
  const keys = new Map<string, KeyObject>();
  let before: TrustBundle | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { bundles } = await api.trustBundlesAfter(before?.epoch ?? 0);
    if (bundles.length === 0) return keys;
    for (const jws of bundles) {
      const bundle = checkAgainst(TrustBundle, payloadOf(jws));
      const signer = (before ?? bundle).bundleKey;
      const follows = before === undefined || bundle.epoch > before.epoch;
      if (!follows || !isSignedBy(jws, keyOf(signer))) throw new TypeError('a trust bundle');
      for (const { use, jwk } of bundle.keys) if (use === 'result') keys.set(jwk.kid, keyOf(jwk));
      before = bundle;
    }
  }
  throw new TypeError('trust bundles without end');
}

/** Of a compact JWS. @throws JsonError, TypeError */
export function payloadOf(jws: string): unknown {
  return parseStrictJson(partsOf(jws).payload);
}

/** RFC 7515, 5.2, for ES256 alone, by one of these keys. */
export function isSigned(jws: string, keys: ResultKeys): boolean {
  const { kid, alg, typ } = parseStrictJson(partsOf(jws).header) as Record<string, unknown>;
  const key = typeof kid === 'string' ? keys.get(kid) : undefined;
  const fits = alg === 'ES256' && typ === 'touchstone-result+jwt';
  return key !== undefined && fits && isSignedBy(jws, key);
}

function isSignedBy(jws: string, key: KeyObject): boolean {
  const { signed, signature } = partsOf(jws);
  return verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

function partsOf(jws: string) {
  const [header, payload, signature, ...more] = jws.split('.');
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0) {
    throw new TypeError('no JWS');
  }
  return {
    header: Buffer.from(header, 'base64url'),
    payload: Buffer.from(payload, 'base64url'),
    signature: Buffer.from(signature, 'base64url'),
    signed: Buffer.from(`${header}.${payload}`, 'ascii'),
  };
}

const keyOf = ({ kty, crv, x, y }: SigningJwk): KeyObject =>
  createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' });
