import { createHash, createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto';
import { verifyBundleSigner } from '@touchstone/endorsement';
import { checkAgainst, parseStrictJson, type SigningJwk, TrustBundle } from '@touchstone/schemas';
import { CliError } from '../codes.ts';
import type { OperatorApi } from '../operator-api.ts';

/** The keys that signed results, by key id: of every trust bundle there was. */
export type ResultKeys = ReadonlyMap<string, KeyObject>;

type Bundles = Pick<OperatorApi, 'trustBundlesAfter'>;

/** More rotations than anybody makes. */
const MAX_PAGES = 1_000;

/**
 * RFC 7638 thumbprint, SHA-256 in lower-case hex, of the key that signed the first trust bundle: all later ones follow
 * from it.
 * @throws TypeError where there is no first one, or it is not signed
 */
export async function firstBundleKeyOf(api: Bundles): Promise<string> {
  const [first] = (await api.trustBundlesAfter(0)).bundles;
  if (first === undefined) throw new TypeError('no trust bundle');
  const { bundleKey } = checkAgainst(TrustBundle, payloadOf(first));
  if (!isSignedBy(first, keyOf(bundleKey))) throw new TypeError('a trust bundle');
  return thumbprintOf(bundleKey);
}

/** The newest, over the connection that the operator's fingerprint pins. @throws TypeError where there is none */
export async function newestBundleOf(api: Pick<OperatorApi, 'trustBundle'>): Promise<TrustBundle> {
  const [newest] = (await api.trustBundle()).bundles;
  if (newest === undefined) throw new TypeError('no trust bundle');
  return checkAgainst(TrustBundle, payloadOf(newest));
}

/**
 * All trust bundles, each signed by the key that the one before it names and the first by its own, which is the one that
 * was noted at login: whoever can write to the database could make a whole line of others.
 * @throws TypeError where one does not follow from the one before; CliError BUNDLE_KEY_OTHER
 */
export async function resultKeysOf(api: Bundles, noted: string | undefined): Promise<ResultKeys> {
  if (noted !== undefined && (await firstBundleKeyOf(api)) !== noted) {
    throw new CliError('BUNDLE_KEY_OTHER');
  }
  const keys = new Map<string, KeyObject>();
  let before: TrustBundle | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { bundles } = await api.trustBundlesAfter(before?.epoch ?? 0);
    if (bundles.length === 0) return keys;
    for (const jws of bundles) {
      const bundle = checkAgainst(TrustBundle, payloadOf(jws));
      const follows = before === undefined || bundle.epoch > before.epoch;
      if (!follows || !isSignedBy(jws, signerOf(jws, bundle, before)))
        throw new TypeError('a trust bundle');
      for (const { use, jwk } of bundle.keys) if (use === 'result') keys.set(jwk.kid, keyOf(jwk));
      before = bundle;
    }
  }
  throw new TypeError('trust bundles without end');
}

/**
 * The key that the bundle before names; or, where that was lost, the one that an anchor of it certified. When that
 * was is history: the certificate's dates are held against its own beginning.
 */
function signerOf(jws: string, bundle: TrustBundle, before = bundle): KeyObject {
  const { kid, x5c } = parseStrictJson(partsOf(jws).header) as Record<string, unknown>;
  const [base64] = Array.isArray(x5c) && x5c.length === 1 ? (x5c as unknown[]) : [];
  if (typeof base64 !== 'string' || kid === before.bundleKey.kid) return keyOf(before.bundleKey);
  const certificate = Buffer.from(base64, 'base64');
  const anchors = before.anchors.map((pem) => new X509Certificate(pem).raw);
  const now = new X509Certificate(certificate).validFromDate;
  const { bundleKeyCertified: last } = before;
  const after = last === undefined ? undefined : new Date(last);
  const spki = Buffer.from(verifyBundleSigner({ certificate, anchors, now, after }));
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  if (!key.equals(keyOf(bundle.bundleKey))) throw new TypeError('a trust bundle');
  return key;
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

const thumbprintOf = ({ crv, kty, x, y }: SigningJwk): string =>
  createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('hex');
