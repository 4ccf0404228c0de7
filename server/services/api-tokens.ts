import { randomUUID } from 'node:crypto';
import type { ApiToken, ApiTokenCreated, ApiTokenRequest, Role } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import {
  claimFirstToken,
  insertApiToken,
  isRevoked,
  revokeApiToken as revokeStored,
  validApiToken,
} from '../store/api-tokens.ts';
import { appendAudit } from '../store/audit.ts';
import type { Database, Queryable } from '../store/database.ts';
import { hashOfToken, isSecretToken, makeSecretToken } from './secret-token.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

const ALL_ROLES: readonly Role[] = ['viewer', 'operator', 'approver', 'ca-admin'];

/** Who a bearer token is; null for one that is unknown, expired or revoked: callers learn no more. */
export async function sessionOf(
  { database, clock }: Pick<Verifier, 'database' | 'clock'>,
  bearer: string,
): Promise<ApiToken | null> {
  if (!isSecretToken('tst_', bearer)) return null;
  return validApiToken(database, hashOfToken(bearer), clock.now());
}

export async function createApiToken(
  { database, clock }: Verifier,
  by: ApiToken,
  request: ApiTokenRequest,
): Promise<ApiTokenCreated> {
  const now = clock.now();
  requireRoles(by, request.roles);
  // A token that ends begets none that outlives it.
  const ends = [
    ...(by.expiresAt === null ? [] : [Date.parse(by.expiresAt)]),
    ...(request.ttlSeconds === undefined ? [] : [now.getTime() + request.ttlSeconds * 1_000]),
  ];
  const expiresAt = ends.length === 0 ? null : new Date(Math.min(...ends));
  const made = newToken(request, now, expiresAt);
  await database.transaction(async (on) => {
    await requireUnrevoked(on, by);
    await insertApiToken(on, made.record, made.hash, by.id);
    const detail = `${request.name}: ${request.roles.join(', ')}`;
    const line = { actor: auditActor(by), action: 'token.create', subject: made.record.id, detail };
    await appendAudit(on, line, now);
  });
  return { token: made.token, record: made.record };
}

/** One that was revoked since its call began makes nothing: whoever revokes what it made misses none. */
export async function requireUnrevoked(on: Queryable, { id }: Actor): Promise<void> {
  if (await isRevoked(on, id)) throw refusal('UNAUTHENTICATED');
}

export const revokeApiToken = (
  { database, clock }: Verifier,
  by: Actor & Pick<ApiToken, 'roles'>,
  id: string,
): Promise<ApiToken> => database.transaction((on) => revokeToken(on, by, id, clock.now()));

/** Of what it cannot make, a token takes nothing away either: the last of every role may be the only one. */
export async function revokeToken(
  on: Queryable,
  by: Actor & Pick<ApiToken, 'roles'>,
  id: string,
  now: Date,
  detail?: string,
): Promise<ApiToken> {
  const record = await revokeStored(on, id, now);
  if (record === null) throw refusal('TOKEN_UNKNOWN');
  requireRoles(by, record.roles);
  const line = { actor: auditActor(by), action: 'token.revoke', subject: id };
  await appendAudit(on, { ...line, ...(detail === undefined ? {} : { detail }) }, now);
  return record;
}

function requireRoles(by: Pick<ApiToken, 'roles'>, roles: readonly Role[]): void {
  const exceeding = roles.filter((role) => !by.roles.includes(role));
  if (exceeding.length > 0) {
    throw refusal('TOKEN_ROLES_EXCEEDED', { detail: exceeding.join(', ') });
  }
}

/**
 * The operator's first token, with every role; once in a deployment's life.
 * @throws AppError FIRST_TOKEN_EXISTS
 */
export async function createFirstToken(database: Database, now: Date): Promise<ApiTokenCreated> {
  return database.transaction(async (on) => {
    if (!(await claimFirstToken(on, now))) throw refusal('FIRST_TOKEN_EXISTS');
    return createTokenWithAllRoles(on, { name: 'first', now });
  });
}

/** For whoever holds the machine that the server runs on, and for nobody else. */
export async function createTokenWithAllRoles(
  on: Queryable,
  { name, now }: { readonly name: 'first' | 'restored'; readonly now: Date },
): Promise<ApiTokenCreated> {
  const made = newToken({ name, roles: [...ALL_ROLES] }, now, null);
  await insertApiToken(on, made.record, made.hash);
  const detail = `the ${name} token, with every role`;
  const line = { actor: 'setup', action: 'token.create', subject: made.record.id, detail };
  await appendAudit(on, line, now);
  return { token: made.token, record: made.record };
}

function newToken(
  { name, roles }: Pick<ApiTokenRequest, 'name' | 'roles'>,
  now: Date,
  expiresAt: Date | null,
): { token: string; hash: Uint8Array; record: ApiToken } {
  return {
    ...makeSecretToken('tst_'),
    record: {
      id: randomUUID(),
      name,
      roles: [...roles],
      createdAt: now.toISOString(),
      expiresAt: expiresAt?.toISOString() ?? null,
      revokedAt: null,
    },
  };
}
