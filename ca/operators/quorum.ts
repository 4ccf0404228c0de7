import { createHash, randomUUID } from 'node:crypto';
import type { Approval, QuorumStatus } from '@touchstone/schemas';
import type pg from 'pg';
import { caError } from '../ca-error.ts';
import {
  appendAudit,
  approvers,
  countWaiting,
  databaseNow,
  decideApproval,
  holdQuorum,
  insertApproval,
  isLiveOperator,
  lockQuorum,
  lockWaiting,
  type Queryable,
  readQuorum,
  setQuorum,
  type StoredApproval,
} from '../store/index.ts';
import { type Operator, operatorActor, operatorTransaction } from './operator.ts';

/** A first approval waits so long for the second. */
const WAIT_MS = 86_400_000;

/** Something after which the CA believes more than before. */
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
  readonly approval: Approval;
  constructor(approval: Approval) {
    this.approval = approval;
  }
}

/**
 * An operator's transaction in which something may wait for another person: then its first approval is stored, and
 * nothing else.
 * @throws AppError QUORUM_WAITING once that is stored; UNAUTHENTICATED
 */
export async function byQuorum<T>(
  pool: pg.Pool,
  by: Operator,
  work: (client: pg.PoolClient) => Promise<T | Waiting>,
): Promise<T> {
  const done = await operatorTransaction(pool, by, work);
  if (!(done instanceof Waiting)) return done;
  const { action, subject, digest, person, expiresAt } = done.approval;
  throw caError('QUORUM_WAITING', 409, {
    detail: `1 of 2, waiting for another person than ${person}: ${action} ${subject} (${digest.slice(0, 16)}), until ${expiresAt}`,
  });
}

/**
 * Null: it may be done in this transaction. Otherwise nothing may, and what is given back is to be returned from
 * `byQuorum`, which has seen that this operator's token still holds. Where the quorum is 2 it may be done once
 * - another person than this one approved the very same, by digest, and is not this person under another token;
 * - that approval has time left, and its token still holds and commands.
 * Of two at once one is the first and the other the second.
 */
export async function takeQuorum(
  client: pg.PoolClient,
  by: Operator,
  loosening: Loosening,
): Promise<Waiting | null> {
  if ((await holdQuorum(client)) < 2) return null;
  const { approval } = await firstVoice(client, by, loosening);
  if (approval.person === by.person) return new Waiting(approval);
  const { id, action, subject, digest, person, token } = approval;
  await decideApproval(client, id, 'made', operatorActor(by));
  await appendAudit(client, {
    ...{ actor: operatorActor(by), action: 'approval.second', subject: id },
    detail: `${action} ${subject} ${digest}: first ${person}, ${token}; second ${by.person}`,
  });
  return null;
}

/** The approval that waits for the same, if its time is not up and its token still counts; or this person's own, new. */
async function firstVoice(
  client: pg.PoolClient,
  by: Operator,
  { action, subject, detail, content }: Loosening,
): Promise<StoredApproval> {
  const digest = digestOf({ action, subject, content });
  const now = await databaseNow(client);
  for (;;) {
    const inserted = await insertApproval(client, {
      operatorId: by.id,
      approval: {
        ...{
          id: randomUUID(),
          digest,
          action,
          state: 'waiting',
          person: by.person,
          token: by.name,
        },
        ...{ subject: subject.slice(0, 256), detail: detail.slice(0, 2_048) },
        at: now.toISOString(),
        expiresAt: new Date(now.getTime() + WAIT_MS).toISOString(),
        ...{ decidedBy: null, decidedAt: null },
      },
    });
    if (inserted !== null) {
      await appendAudit(client, {
        ...{ actor: operatorActor(by), action: 'approval.first', subject: inserted.approval.id },
        detail: `${action} ${subject} ${digest}: ${detail}`,
      });
      return inserted;
    }
    const waiting = await lockWaiting(client, digest);
    // Decided since: what comes now is a first voice again.
    if (waiting === null) continue;
    const late = new Date(waiting.approval.expiresAt) <= now;
    if (!late && (await isLiveOperator(client, waiting.operatorId, 'operator'))) return waiting;
    const reason = late ? 'its time is up' : 'its token ended';
    await decideApproval(client, waiting.approval.id, 'lapsed', `ca: ${reason}`);
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

export async function viewQuorum(on: Queryable): Promise<QuorumStatus> {
  return {
    quorum: await readQuorum(on),
    approvers: await approvers(on),
    waiting: await countWaiting(on),
  };
}

/**
 * Raised by one person, lowered by two. It is not raised where nobody could be the second.
 * @throws AppError QUORUM_UNREACHABLE, QUORUM_WAITING
 */
export async function changeQuorum(
  pool: pg.Pool,
  by: Operator,
  { quorum }: { readonly quorum: number },
): Promise<QuorumStatus> {
  await byQuorum(pool, by, async (client) => {
    const before = await lockQuorum(client);
    if (before === quorum) return null;
    if (quorum < before) {
      const loosening = { action: 'quorum.lower', subject: 'quorum', detail: `${before} -> 1` };
      const waiting = await takeQuorum(client, by, { ...loosening, content: { quorum } });
      if (waiting !== null) return waiting;
    } else {
      const people = await approvers(client);
      if (people.length < quorum) {
        throw caError('QUORUM_UNREACHABLE', 409, { detail: `operators: ${people.join(', ')}` });
      }
    }
    await setQuorum(client, quorum);
    const action = quorum < before ? 'quorum.lower' : 'quorum.raise';
    const detail = `${before} -> ${quorum}`;
    await appendAudit(client, { actor: operatorActor(by), action, subject: 'quorum', detail });
    return null;
  });
  return viewQuorum(pool);
}

/** Tightening: an operator may take a first approval back, whose ever it is. @throws AppError APPROVAL_UNKNOWN */
export async function withdrawApproval(pool: pg.Pool, by: Operator, id: string): Promise<Approval> {
  return operatorTransaction(pool, by, async (client) => {
    const actor = operatorActor(by);
    const withdrawn = await decideApproval(client, id, 'withdrawn', actor);
    if (withdrawn === null) throw caError('APPROVAL_UNKNOWN', 404, { detail: id });
    const detail = `${withdrawn.action} ${withdrawn.subject} ${withdrawn.digest}`;
    await appendAudit(client, { actor, action: 'approval.withdraw', subject: id, detail });
    return withdrawn;
  });
}
