import { createHash, randomUUID } from 'node:crypto';
import { type Approval, type ApprovalList, type QuorumStatus, Uuid } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { isLive } from '../store/api-tokens.ts';
import {
  type ApprovalPosition,
  approvers,
  countWaiting,
  decideApproval,
  holdQuorum,
  insertApproval,
  listApprovals,
  lockQuorum,
  lockWaiting,
  readQuorum,
  setQuorum,
  type StoredApproval,
} from '../store/approvals.ts';
import { appendAudit } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import type { PageAfter } from '../store/page.ts';
import { EpochMs, keyOfColumns, type Page, pageOf } from './paging.ts';
import { requireUnrevoked } from './require-unrevoked.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/** A first approval waits so long for the second. */
const WAIT_MS = 86_400_000;

/** Something that would have more be trusted than before. */
export type Loosening = {
  /** As in the audit log. */
  readonly action: string;
  readonly subject: string;
  /** For the other person, in a line. */
  readonly detail: string;
  /** All that would be done, and what it would be done to: plain data. Two approvals of other content are two things. */
  readonly content: unknown;
};

/** Nothing was done yet: one person has approved, and another has to. */
export class Waiting {
  readonly approval: StoredApproval;
  constructor(approval: StoredApproval) {
    this.approval = approval;
  }
}

/**
 * A transaction in which something may wait for another person: then its first approval is stored, and nothing else.
 * @throws AppError QUORUM_WAITING once that is stored
 */
export async function byQuorum<T>(
  { database }: Pick<Verifier, 'database'>,
  work: (on: Queryable) => Promise<T | Waiting>,
): Promise<T> {
  const done = await database.transaction(work);
  if (!(done instanceof Waiting)) return done;
  const { action, subject, digest, person, expiresAt } = done.approval;
  throw refusal('QUORUM_WAITING', {
    detail: `1 of 2, waiting for another person than ${person}: ${action} ${subject} (${digest.slice(0, 16)}), until ${expiresAt}`,
  });
}

/**
 * Null: it may be done in this transaction. Otherwise nothing may, and what is given back is to be returned from
 * `byQuorum`. Where the quorum is 2 it may be done once
 * - another person than this one approved the very same, by digest, and is not this person under another token;
 * - that approval has time left, and its token still holds and approves;
 * - the token that approves now was not revoked meanwhile.
 * Of two at once one is the first and the other the second.
 */
export async function takeQuorum(
  on: Queryable,
  by: Actor,
  loosening: Loosening,
  now: Date,
): Promise<Waiting | null> {
  if ((await holdQuorum(on)) < 2) return null;
  await requireUnrevoked(on, by);
  const first = await firstVoice(on, by, loosening, now);
  if (first.person === by.person) return new Waiting(first);
  await decideApproval(on, first.id, { state: 'made', by: auditActor(by), now });
  const { action, subject, digest } = first;
  const detail = `${action} ${subject} ${digest}: first ${first.person}, ${first.token}; second ${by.person}`;
  const line = { actor: auditActor(by), action: 'approval.second', subject: first.id, detail };
  await appendAudit(on, { ...line, detail: detail.slice(0, 2_048) }, now);
  return null;
}

/** The approval that waits for the same, if its time is not up and its token still counts; or this person's own, new. */
async function firstVoice(
  on: Queryable,
  by: Actor,
  { action, subject, detail, content }: Loosening,
  now: Date,
): Promise<StoredApproval> {
  const digest = digestOf({ action, subject, content });
  for (;;) {
    const inserted = await insertApproval(on, {
      ...{ id: randomUUID(), digest, action, subject: subject.slice(0, 256) },
      ...{ detail: detail.slice(0, 2_048), person: by.person, tokenId: by.id, token: by.name },
      at: now.toISOString(),
      expiresAt: new Date(now.getTime() + WAIT_MS).toISOString(),
    });
    if (inserted !== null) {
      const line = { actor: auditActor(by), action: 'approval.first', subject: inserted.id };
      const said = `${action} ${subject} ${digest}: ${detail}`.slice(0, 2_048);
      await appendAudit(on, { ...line, detail: said }, now);
      return inserted;
    }
    const waiting = await lockWaiting(on, digest);
    // Decided since: what comes now is a first voice again.
    if (waiting === null) continue;
    const late = new Date(waiting.expiresAt) <= now;
    if (!late && (await isLive(on, waiting.tokenId, 'approver', now))) return waiting;
    const reason = late ? 'its time is up' : 'its token ended';
    await decideApproval(on, waiting.id, { state: 'lapsed', by: `verifier: ${reason}`, now });
  }
}

const digestOf = (content: unknown): string =>
  createHash('sha256').update(canonical(content)).digest('hex');

/** JSON with its keys in order, so that equal content has one text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`).join()}}`;
}

export async function viewQuorum({
  database,
  clock,
}: Pick<Verifier, 'database' | 'clock'>): Promise<QuorumStatus> {
  const now = clock.now();
  return {
    quorum: await readQuorum(database),
    approvers: await approvers(database, now),
    waiting: await countWaiting(database, now),
  };
}

/**
 * Raised by one person, lowered by two. It is not raised where nobody could be the second.
 * @throws AppError QUORUM_UNREACHABLE, QUORUM_WAITING
 */
export async function changeQuorum(
  verifier: Verifier,
  by: Actor,
  { quorum }: { readonly quorum: number },
): Promise<QuorumStatus> {
  const now = verifier.clock.now();
  await byQuorum(verifier, async (on) => {
    const before = await lockQuorum(on);
    if (before === quorum) return null;
    if (quorum < before) {
      const loosening = { action: 'quorum.lower', subject: 'quorum', detail: `${before} -> 1` };
      const waiting = await takeQuorum(on, by, { ...loosening, content: { quorum } }, now);
      if (waiting !== null) return waiting;
    } else {
      const people = await approvers(on, now);
      if (people.length < quorum) {
        throw refusal('QUORUM_UNREACHABLE', { detail: `approvers: ${people.join(', ')}` });
      }
    }
    await setQuorum(on, quorum);
    const action = quorum < before ? 'quorum.lower' : 'quorum.raise';
    const line = { actor: auditActor(by), action, subject: 'quorum' };
    await appendAudit(on, { ...line, detail: `${before} -> ${quorum}` }, now);
    return null;
  });
  return viewQuorum(verifier);
}

function shown({ tokenId, ...approval }: StoredApproval): Approval {
  void tokenId;
  return approval;
}

export async function viewApprovals(
  { database, clock }: Verifier,
  page: Page,
  { all }: { readonly all: boolean },
): Promise<ApprovalList> {
  const now = clock.now();
  const { rows, next } = await pageOf(page, {
    key: keyOfColumns(EpochMs, Uuid),
    load: (after: PageAfter<ApprovalPosition>) => listApprovals(database, { all, now }, after),
    keyOf: ({ at, id }): ApprovalPosition => [Date.parse(at), id],
  });
  return { approvals: rows.map(shown), ...next };
}

/** Tightening: whoever may approve may take a first approval back, whose ever it is. @throws AppError APPROVAL_UNKNOWN */
export async function withdrawApproval(
  { database, clock }: Verifier,
  by: Actor,
  id: string,
): Promise<Approval> {
  const now = clock.now();
  return database.transaction(async (on) => {
    const actor = auditActor(by);
    const withdrawn = await decideApproval(on, id, { state: 'withdrawn', by: actor, now });
    if (withdrawn === null) throw refusal('APPROVAL_UNKNOWN', { detail: id });
    const detail = `${withdrawn.action} ${withdrawn.subject} ${withdrawn.digest}`;
    await appendAudit(on, { actor, action: 'approval.withdraw', subject: id, detail }, now);
    return shown(withdrawn);
  });
}
