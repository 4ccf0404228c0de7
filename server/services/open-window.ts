import { randomUUID } from 'node:crypto';
import type { Baseline, WindowChange, WindowOpening } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import {
  activeBaselines,
  baselineByKey,
  draftsOf,
  lockBaselines,
  lockPolicy,
  putInWindow,
} from '../store/baselines.ts';
import type { Queryable } from '../store/database.ts';
import { insertWindow, windowByKey } from '../store/windows.ts';
import { standingAfterApproval } from './host-state.ts';
import { moveHosts } from './move-hosts.ts';
import { keyText, withDocuments } from './policy-change.ts';
import { byQuorum, takeQuorum } from './quorum.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';
import { requireWindow, shownWindow } from './windows.ts';

/** Longer than the longest roll-out; what is to hold for good is approved. */
const LONGEST_MS = 90 * 86_400_000;

/**
 * By the quorum: drafts are accepted beside what is active under their name and part, until a time or a number of
 * hosts. A host whose last evidence leaves no enforced finding by either becomes trusted, as by an approval.
 * @throws AppError BASELINE_NO_DRAFT, WINDOW_OPEN, WINDOW_TIME, WINDOW_NOTHING_BESIDE, QUORUM_WAITING
 */
export async function openWindow(
  verifier: Verifier,
  by: Actor,
  opening: WindowOpening,
): Promise<WindowChange> {
  const { name, until, hosts = null } = opening;
  const now = verifier.clock.now();
  const left = new Date(until).getTime() - now.getTime();
  if (!(left > 0 && left <= LONGEST_MS)) throw refusal('WINDOW_TIME', { detail: until });
  return byQuorum(verifier, async (on) => {
    await lockPolicy(on);
    await lockBaselines(on, name);
    await requireNoWindow(on, name);
    const documents = await draftsToAdd(on, opening);
    const { touched } = withDocuments(await activeBaselines(on), documents);
    const beside = touched.slice(documents.length);
    const alone = documents.filter(({ part }) => !beside.some((one) => one.part === part));
    if (alone.length > 0) {
      throw refusal('WINDOW_NOTHING_BESIDE', { detail: alone.map(keyText).join(', ') });
    }
    const list = documents.map(keyText).join(', ');
    const ends = hosts === null ? `until ${until}` : `until ${until} or ${hosts} hosts`;
    const what = { action: 'baseline.window.open', subject: name };
    const content = { documents, beside, until, hosts };
    const detail = `${list} beside ${beside.map(keyText).join(', ')}, ${ends}`;
    const waiting = await takeQuorum(on, by, { ...what, detail, content }, now);
    if (waiting !== null) return waiting;

    const id = randomUUID();
    await insertWindow(on, { id, name, until, quota: hosts, documents, by: by.name, now });
    await putInWindow(on, documents, { window: id, by: by.name, now });
    const { changedHosts, audit } = await moveHosts(verifier, on, {
      ...{ touched: documents, by, now, cause: 'update window opened' },
      settle: ({ mark }, { verdict }) =>
        standingAfterApproval({ verdict, resetCount: mark.resetCount }),
    });
    audit.push({ actor: auditActor(by), ...what, detail });
    for (const line of audit) await appendAudit(on, line, now);
    return changeOf(on, { id, documents, changedHosts, now });
  });
}

/** @throws AppError WINDOW_OPEN */
export async function requireNoWindow(on: Queryable, name: string): Promise<void> {
  const open = await windowByKey(on, name, { unsettled: true });
  if (open !== null) throw refusal('WINDOW_OPEN', { detail: `${name}, until ${open.until}` });
}

export async function changeOf(
  on: Queryable,
  change: {
    readonly id: string;
    readonly documents: readonly Baseline[];
    readonly changedHosts: WindowChange['changedHosts'];
    readonly now: Date;
  },
): Promise<WindowChange> {
  const { id, documents, changedHosts, now } = change;
  const records = [];
  for (const document of documents) {
    const record = await baselineByKey(on, document);
    if (record !== null) records.push(record);
  }
  const window = shownWindow(await requireWindow(on, id), { now });
  return { window, baselines: records, changedHosts };
}

/** Those that are named, or of each part the latest. */
async function draftsToAdd(on: Queryable, { name, documents }: WindowOpening): Promise<Baseline[]> {
  const drafts = await draftsOf(on, name);
  const named = documents?.map(({ part, version }) => {
    const draft = drafts.find((one) => one.part === part && one.version === version);
    if (draft === undefined) {
      throw refusal('BASELINE_NO_DRAFT', { detail: `${name}/${part}/${version}` });
    }
    return draft;
  });
  const latest = new Map<string, Baseline>();
  for (const draft of named ?? drafts) latest.set(draft.part, draft);
  if (latest.size === 0) throw refusal('BASELINE_NO_DRAFT', { detail: name });
  return [...latest.values()];
}
