import { type AgentCheck, type TrustBundle, TrustBundles } from '@touchstone/schemas';
import type { Client } from '@touchstone/transport';
import { failure, fault, ok, warning } from './check.ts';

const SUBJECT = 'trust bundle';
const SOON_MS = 7 * 24 * 3_600_000;

/** The held bundle: its end, and whether the server has a later one. `client` is null where it is not reached. */
export async function checkTrustBundle(
  bundle: TrustBundle,
  client: Client | null,
  now: Date,
): Promise<AgentCheck[]> {
  const { epoch, notAfter } = bundle;
  const leftMs = Date.parse(notAfter) - now.getTime();
  const term = `epoch ${epoch}, until ${notAfter}`;
  if (!(leftMs > 0)) return [fault('TRUST_BUNDLE_EXPIRED', SUBJECT, term)];
  const later = client === null ? 0 : await laterThan(epoch, client);
  if (typeof later !== 'number') return [later];
  if (later > 0) return [warning('TRUST_BUNDLE_BEHIND', SUBJECT, `${term}; ${later} later`)];
  if (leftMs < SOON_MS) return [warning('TRUST_BUNDLE_ENDING', SUBJECT, term)];
  return [ok(SUBJECT, term)];
}

async function laterThan(epoch: number, client: Client): Promise<number | AgentCheck> {
  try {
    const path = `/v1/trust-bundles/after/${epoch}`;
    const { bundles } = await client.request({ method: 'GET', path, schema: TrustBundles });
    return bundles.length;
  } catch (error) {
    return failure(SUBJECT, error, 'warning');
  }
}
