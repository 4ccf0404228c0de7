import type { OrdersClaims } from '@touchstone/schemas';
import type { SigningKey } from './signing-key.ts';

/** Of hosts whose orders are remembered, about 6 MB. */
const MOST = 10_000;

type Remembered = { readonly kid: string; readonly said: string; readonly token: string };

/** By the key that signs them: as many as there are replicas in one process, which is one but for tests. */
const remembered = new WeakMap<SigningKey, Map<string, Remembered>>();

/**
 * Orders as a token. Hosts ask for them again and again, and with every attestation they are told: what says the same is
 * the same token, so that it is signed once and an agent that has it has nothing to write.
 */
export function signedOnce(key: SigningKey, { iat, ...claims }: OrdersClaims): string {
  const tokens = remembered.get(key) ?? new Map<string, Remembered>();
  remembered.set(key, tokens);
  const host = claims['touchstone.host'];
  const said = JSON.stringify(claims);
  const { kid } = key.jwk;
  const known = tokens.get(host);
  if (known !== undefined && known.said === said && known.kid === kid) return known.token;
  const token = key.sign({ ...claims, iat });
  tokens.delete(host);
  const [oldest] = tokens.keys();
  if (tokens.size >= MOST && oldest !== undefined) tokens.delete(oldest);
  tokens.set(host, { kid, said, token });
  return token;
}
