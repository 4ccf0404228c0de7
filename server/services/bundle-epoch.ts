import { refusal } from '../codes.ts';
import { raiseAlert } from '../store/alerts.ts';
import type { Queryable } from '../store/database.ts';
import type { Host } from '../store/host.ts';
import { setBundleEpoch } from '../store/host-changes.ts';
import type { Verifier } from './verifier.ts';

/** A running agent follows within an interval; one that was away, at its first evidence. */
const TIME_TO_FOLLOW_MS = 600_000;

/**
 * A statement cannot know a bundle that this deployment never made: it is another's, or this one was restored from
 * an old backup.
 * @throws AppError BUNDLE_EPOCH_UNKNOWN
 */
export async function requireKnownEpoch({ bundles }: Verifier, epoch: number): Promise<void> {
  if (epoch <= bundles.current().epoch) return;
  // Another replica may have made it a moment ago.
  await bundles.refresh();
  const newest = bundles.current().epoch;
  if (epoch > newest) {
    throw refusal('BUNDLE_EPOCH_UNKNOWN', { detail: `stated ${epoch}, newest ${newest}` });
  }
}

/** What the host has acknowledged, in the transaction that takes its evidence; people hear of what lags or falls. */
export async function recordEpoch(
  { bundles }: Verifier,
  on: Queryable,
  { host, epoch, now }: { readonly host: Host; readonly epoch: number; readonly now: Date },
): Promise<void> {
  const newest = bundles.current();
  if (epoch < host.bundleEpoch) {
    const detail = `stated ${epoch}, once ${host.bundleEpoch}: its agent's state was put back`;
    await raiseAlert(on, { code: 'BUNDLE_EPOCH_FELL', subject: host.name, detail }, now);
  }
  if (epoch < newest.epoch && now.getTime() - newest.createdAt.getTime() > TIME_TO_FOLLOW_MS) {
    const detail = `stated ${epoch}, newest ${newest.epoch} since ${newest.createdAt.toISOString()}`;
    await raiseAlert(on, { code: 'BUNDLE_EPOCH_OLD', subject: host.name, detail }, now);
  }
  if (epoch > host.bundleEpoch) await setBundleEpoch(on, host.id, epoch);
}
