import { randomUUID } from 'node:crypto';
import type { ApiToken, ApiTokenCreated, ApiTokenRequest, Role } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import {
  claimFirstToken,
  insertApiToken,
  revokeApiToken as revokeStored,
  validApiToken,
} from '../store/api-tokens.ts';
import { setQuorum } from '../store/approvals.ts';
import { appendAudit } from '../store/audit.ts';
import type { Database, Queryable } from '../store/database.ts';
import { byQuorum, takeQuorum } from './quorum.ts';
import { requireUnrevoked } from './require-unrevoked.ts';
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
  const { person = by.person } = request;
  const made = newToken({ ...request, person }, now, expiresAt);
  await byQuorum({ database }, async (on) => {
    await requireUnrevoked(on, by);
    // Whoever could make themselves a second person would be a quorum alone.
    if (person !== by.person && request.roles.includes('approver')) {
      const { name, roles } = request;
      const waiting = await takeQuorum(
        on,
        by,
        {
          ...{ action: 'token.create', subject: `for ${person}` },
          ...{ detail: `${name}: ${roles.join(', ')}`, content: { person, ...request } },
        },
        now,
      );
      if (waiting !== null) return waiting;
    }
    await insertApiToken(on, made.record, made.hash, by.id);
    const detail = `${request.name}, of ${person}: ${request.roles.join(', ')}`;
    const line = { actor: auditActor(by), action: 'token.create', subject: made.record.id, detail };
    await appendAudit(on, line, now);
    return null;
  });
  return { token: made.token, record: made.record };
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
 * The operator's first token, with every role; once in a deployment's life. Where loosening is to take two people, a
 * second one, for another person.
 * @throws AppError FIRST_TOKEN_EXISTS
 */
export async function createFirstToken(
  database: Database,
  now: Date,
  quorum = 1,
): Promise<ApiTokenCreated & { second?: ApiTokenCreated }> {
  return database.transaction(async (on) => {
    if (!(await claimFirstToken(on, now))) throw refusal('FIRST_TOKEN_EXISTS');
    const first = await createTokenWithAllRoles(on, { name: 'first', now });
    if (quorum < 2) return first;
    await setQuorum(on, quorum);
    const line = { actor: 'setup', action: 'quorum.raise', subject: 'quorum' };
    await appendAudit(on, { ...line, detail: `1 -> ${quorum}` }, now);
    return { ...first, second: await createTokenWithAllRoles(on, { name: 'second', now }) };
  });
}

/** For whoever holds the machine that the server runs on, and for nobody else. */
export async function createTokenWithAllRoles(
  on: Queryable,
  {
    name,
    now,
  }: {
    readonly name: 'first' | 'second' | 'restored' | 'restored-second';
    readonly now: Date;
  },
): Promise<ApiTokenCreated> {
  const made = newToken({ name, person: name, roles: [...ALL_ROLES] }, now, null);
  await insertApiToken(on, made.record, made.hash);
  const detail = `the ${name} token, with every role`;
  const line = { actor: 'setup', action: 'token.create', subject: made.record.id, detail };
  await appendAudit(on, line, now);
  return { token: made.token, record: made.record };
}

function newToken(
  { name, person, roles }: Pick<ApiToken, 'name' | 'person' | 'roles'>,
  now: Date,
  expiresAt: Date | null,
): { token: string; hash: Uint8Array; record: ApiToken } {
  return {
    ...makeSecretToken('tst_'),
    record: {
      id: randomUUID(),
      name,
      person,
      roles: [...roles],
      createdAt: now.toISOString(),
      expiresAt: expiresAt?.toISOString() ?? null,
      revokedAt: null,
    },
  };
}
