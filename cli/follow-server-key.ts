import { checkAgainst, TrustBundle, TrustBundles } from '@touchstone/schemas';
import { anyKeyClient } from '@touchstone/transport';
import { payloadOf, resultKeysOf } from './audit/result-signature.ts';
import type { Profile } from './profile.ts';

/** More are not remembered: keys of long ago end with their bundles. */
const FORMER = 16;

/**
 * The login, if the server's other TLS key is one that its trust bundles name: they are signed, in one line from the
 * bundle key that was noted at login, so that it does not matter who hands them over. Null, and the login stays as it
 * is, where they do not say so, or name a key that this login has left behind already.
 */
export async function followServerKey(profile: Profile, now: Date): Promise<Profile | null> {
  const { server, bundleKey, fingerprint, formerFingerprints = [] } = profile;
  if (bundleKey === undefined) return null;
  let shown = '';
  const client = anyKeyClient({ url: server, onPin: (pin) => (shown = pin) });
  try {
    const api = {
      trustBundlesAfter: (epoch: number) =>
        client.request({
          method: 'GET',
          path: `/v1/trust-bundles/after/${epoch}`,
          schema: TrustBundles,
        }),
    };
    let newest: TrustBundle | undefined;
    const noting = async (epoch: number) => {
      const answer = await api.trustBundlesAfter(epoch);
      const last = answer.bundles.at(-1);
      if (last !== undefined) newest = checkAgainst(TrustBundle, payloadOf(last));
      return answer;
    };
    await resultKeysOf({ trustBundlesAfter: noting }, bundleKey);
    const named = newest !== undefined && newest.tls?.server.includes(shown) === true;
    const holds = newest !== undefined && Date.parse(newest.notAfter) > now.getTime();
    if (!named || !holds || formerFingerprints.includes(shown)) return null;
    const former = [...formerFingerprints, fingerprint].slice(-FORMER);
    return { ...profile, fingerprint: shown, formerFingerprints: former };
  } catch {
    return null;
  } finally {
    await client.close();
  }
}
