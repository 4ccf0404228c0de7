import { randomUUID } from 'node:crypto';
import type {
  AssuranceClass,
  JoinToken,
  JoinTokenCreated,
  JoinTokenRequest,
  Role,
} from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { appendAudit } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import {
  insertJoinToken,
  joinTokenByHash,
  revokeJoinToken as revokeStored,
  takeJoinToken,
} from '../store/join-tokens.ts';
import { byQuorum, type Loosening, takeQuorum } from './quorum.ts';
import { requireUnrevoked } from './require-unrevoked.ts';
import { hashOfToken, isSecretToken, makeSecretToken } from './secret-token.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

const DEFAULT_TTL_SECONDS = 86_400;

/**
 * A token that approves does what an approver does: only an approver makes one, and by the quorum. For hosts that come
 * with one that does not, somebody approves yet.
 * @throws AppError ROLE_MISSING, QUORUM_WAITING
 */
export async function createJoinToken(
  { database, clock }: Verifier,
  by: Actor & { readonly roles: readonly Role[] },
  request: JoinTokenRequest,
): Promise<JoinTokenCreated> {
  const now = clock.now();
  const approve = request.approve ?? false;
  if (approve && !by.roles.includes('approver')) {
    throw refusal('ROLE_MISSING', {
      detail: 'A join token that approves needs the role approver.',
    });
  }
  const { token, hash } = makeSecretToken('tsj_');
  const ttlMs = (request.ttlSeconds ?? DEFAULT_TTL_SECONDS) * 1_000;
  const record: JoinToken = {
    id: randomUUID(),
    classes: request.classes,
    labels: request.labels,
    usesLeft: request.uses ?? 1,
    approve,
    host: request.host ?? null,
    createdBy: by.name,
    createdAt: now.toISOString(),
    expiresAt: new Date(now.getTime() + ttlMs).toISOString(),
    revokedAt: null,
  };
  await byQuorum({ database }, async (on) => {
    await requireUnrevoked(on, by);
    if (approve) {
      const waiting = await takeQuorum(on, by, admission(record, request), now);
      if (waiting !== null) return waiting;
    }
    await insertJoinToken(on, record, hash, by.id);
    const detail = `${record.usesLeft} uses, classes ${record.classes.join(', ')}, approve ${approve}`;
    const action = 'join-token.create';
    await appendAudit(on, { actor: auditActor(by), action, subject: record.id, detail }, now);
    return null;
  });
  return { token, record };
}

const admission = (
  { classes, usesLeft, host }: JoinToken,
  content: JoinTokenRequest,
): Loosening => ({
  action: 'join-token.create',
  subject: host === null ? 'for any host' : `for ${host}`,
  detail: `approves ${usesLeft === 1 ? 'one host' : `${usesLeft} hosts`} of class ${classes.join(', ')}`,
  content,
});

export async function revokeJoinToken(
  { database, clock }: Verifier,
  by: Actor,
  id: string,
): Promise<JoinToken> {
  const now = clock.now();
  return database.transaction(async (on) => {
    const record = await revokeStored(on, id, now);
    if (record === null) throw refusal('TOKEN_UNKNOWN');
    const action = 'join-token.revoke';
    await appendAudit(on, { actor: auditActor(by), action, subject: id }, now);
    return record;
  });
}

/**
 * Takes one use, in the transaction that inserts the host: a use is spent on a host or not at all.
 * @throws AppError JOIN_TOKEN_*, CLASS_NOT_ADMITTED
 */
export async function useJoinToken(
  on: Queryable,
  token: string,
  wanted: { readonly class: AssuranceClass; readonly name: string; readonly now: Date },
): Promise<JoinToken> {
  if (!isSecretToken('tsj_', token)) throw refusal('JOIN_TOKEN_UNKNOWN');
  const hash = hashOfToken(token);
  const taken = await takeJoinToken(on, hash, wanted);
  if (taken !== null) return taken;
  // Whoever holds 256 secret bits may know why they do not serve.
  const record = await joinTokenByHash(on, hash);
  if (record === null) throw refusal('JOIN_TOKEN_UNKNOWN');
  if (record.revokedAt !== null || new Date(record.expiresAt) <= wanted.now) {
    throw refusal('JOIN_TOKEN_EXPIRED');
  }
  if (!record.classes.includes(wanted.class)) throw refusal('CLASS_NOT_ADMITTED');
  if (record.host !== null && record.host !== wanted.name) throw refusal('JOIN_TOKEN_OTHER_HOST');
  throw refusal('JOIN_TOKEN_USED');
}
