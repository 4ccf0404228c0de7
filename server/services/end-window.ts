import type { Baseline, WindowChange, WindowClosing, WindowRecord } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { raiseAlert } from '../store/alerts.ts';
import { appendAudit } from '../store/audit.ts';
import {
  activateFromWindow,
  documentsInWindow,
  lockBaselines,
  lockPolicy,
  retireActive,
  retireFromWindow,
} from '../store/baselines.ts';
import type { Queryable } from '../store/database.ts';
import {
  hostsOfWindow,
  settleWindow,
  type StoredWindow,
  windowByKey,
  windowsToSettle,
} from '../store/windows.ts';
import { standingAfterChange } from './host-state.ts';
import { moveHosts } from './move-hosts.ts';
import { changeOf } from './open-window.ts';
import { keyText } from './policy-change.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/** As many as an alert names. */
const NAMED = 20;

/**
 * One person ends it before its time, which accepts less than before: what was active retires and the new documents are
 * the policy, or with `abandon` the other way round. Hosts that rest on what goes lose trust.
 * @throws AppError WINDOW_UNKNOWN
 */
export function closeWindow(
  verifier: Verifier,
  by: Actor,
  key: string,
  { abandon = false, reason }: WindowClosing,
): Promise<WindowChange> {
  const now = verifier.clock.now();
  return verifier.database.transaction(async (on) => {
    await lockPolicy(on);
    const window = await windowByKey(on, key, { unsettled: true });
    if (window === null) throw refusal('WINDOW_UNKNOWN', { detail: key });
    const { id, name } = window;
    await lockBaselines(on, name);
    // The old documents are not brought back once they have retired.
    if (window.endedAt !== null || new Date(window.until) <= now) {
      throw refusal('WINDOW_UNKNOWN', { detail: `${name} has ended by itself` });
    }
    const { documents, gone } = await moveDocuments(on, window, { abandon, now });
    const { changedHosts, audit } = await moveHosts(verifier, on, {
      ...{ touched: [...documents, ...gone], by, now, cause: 'update window closed' },
      settle: (host, { verdict }) =>
        standingAfterChange(host, { verdict, resetCount: host.mark.resetCount }),
    });
    const detail = `${endText(documents, gone, abandon)}: ${reason}`;
    audit.push({ actor: auditActor(by), action: 'baseline.window.close', subject: name, detail });
    await settleWindow(on, id, { by: abandon ? 'abandoned' : 'person', endedAt: now, now });
    for (const line of audit) await appendAudit(on, line, now);
    return changeOf(on, { id, documents, changedHosts, now });
  });
}

/**
 * Does for each window whose end is past what is left to do: since that instant no evidence was accepted by the old
 * documents, whoever had settled it or not. Nobody decides here, and each host loses its trust by its own next evidence.
 */
export async function settleWindows(verifier: Verifier): Promise<void> {
  const now = verifier.clock.now();
  for (const id of await windowsToSettle(verifier.database, now)) {
    await verifier.database.transaction(async (on) => {
      await lockPolicy(on);
      const window = await windowByKey(on, id, { unsettled: true });
      // Another replica was first.
      if (window === null) return;
      await lockBaselines(on, window.name);
      await settle(on, window, now);
    });
  }
}

async function settle(on: Queryable, window: StoredWindow, now: Date): Promise<void> {
  const { id, name, until, laggards, accepted } = window;
  const { documents, gone } = await moveDocuments(on, window, { abandon: false, now });
  const by = window.endedBy ?? 'until';
  const endedAt = new Date(window.endedAt ?? until);
  await settleWindow(on, id, { by, endedAt, now });
  if (laggards > 0) {
    const some = await hostsOfWindow(on, { id, laggards: true }, { limit: NAMED, after: null });
    const names = some.map((host) => host.name).join(', ');
    const detail = `${laggards} not accepted by the new documents: ${names}${laggards > NAMED ? ', …' : ''}`;
    await raiseAlert(on, { code: 'WINDOW_LAGGARDS', subject: name, detail }, now);
  }
  const detail = `${endText(documents, gone, false)}: ${byText(by, window)}, ${accepted} hosts accepted, ${laggards} not`;
  const action = 'baseline.window.end';
  await appendAudit(on, { actor: 'verifier', action, subject: name, detail }, now);
}

/** The new documents take the place of the old, or go. */
async function moveDocuments(
  on: Queryable,
  { id }: Pick<StoredWindow, 'id'>,
  { abandon, now }: { readonly abandon: boolean; readonly now: Date },
): Promise<{ documents: Baseline[]; gone: Baseline[] }> {
  const documents = await documentsInWindow(on, id);
  if (abandon) {
    await retireFromWindow(on, id, now);
    return { documents, gone: [] };
  }
  const gone: Baseline[] = [];
  for (const document of documents) gone.push(...(await retireActive(on, document, now)));
  await activateFromWindow(on, id);
  return { documents, gone };
}

const byText = (
  by: NonNullable<WindowRecord['endedBy']>,
  { until, quota }: StoredWindow,
): string => (by === 'quota' ? `${quota} hosts are accepted` : `it is past ${until}`);

function endText(
  documents: readonly Baseline[],
  gone: readonly Baseline[],
  abandon: boolean,
): string {
  const added = documents.map(keyText).join(', ');
  return abandon ? `${added} retired` : `${gone.map(keyText).join(', ')} retired for ${added}`;
}
