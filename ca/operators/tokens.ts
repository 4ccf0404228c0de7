import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { CaOperator, CaOperatorCreated, CaOperatorRequest } from '@touchstone/schemas';
import type pg from 'pg';
import { caError } from '../ca-error.ts';
import {
  appendAudit,
  approvers,
  databaseNow,
  insertOperator,
  lockQuorum,
  operatorByHash,
  type Queryable,
  revokeOperator,
} from '../store/index.ts';
import { type Operator, operatorActor, operatorTransaction } from './operator.ts';
import { byQuorum, takeQuorum } from './quorum.ts';

const SHAPE = /^tsc_[A-Za-z0-9_-]{43}$/u;

/**
 * SHA-256: a secret of 256 random bits is not guessed, so a slow hash would protect nothing. Comparing hashes in the
 * database's index tells an attacker nothing about the secret either.
 */
const hashOfToken = (token: string): Uint8Array =>
  createHash('sha256').update(token, 'utf8').digest();

/** Whose a bearer token is; null for one that is unknown, expired or revoked: callers learn no more. */
export async function operatorOf(on: Queryable, bearer: string): Promise<CaOperator | null> {
  return SHAPE.test(bearer) ? operatorByHash(on, hashOfToken(bearer)) : null;
}

/**
 * A token that ends begets none that outlives it. Where the quorum is 2, one that commands for another person takes two:
 * whoever could make themselves a second person would be a quorum alone.
 * @throws AppError QUORUM_WAITING, UNAUTHENTICATED
 */
export async function createOperator(
  pool: pg.Pool,
  by: Operator,
  request: CaOperatorRequest,
): Promise<CaOperatorCreated> {
  const { name, role, person = by.person, ttlSeconds } = request;
  return byQuorum(pool, by, async (client) => {
    if (person !== by.person && role === 'operator') {
      const waiting = await takeQuorum(client, by, {
        ...{ action: 'operator.add', subject: `for ${person}` },
        detail: `${name}, ${role}${ttlSeconds === undefined ? '' : `, for ${ttlSeconds} s`}`,
        content: { name, role, person, ttlSeconds },
      });
      if (waiting !== null) return waiting;
    }
    const now = await databaseNow(client);
    const ends = [
      ...(by.expiresAt === null ? [] : [Date.parse(by.expiresAt)]),
      ...(ttlSeconds === undefined ? [] : [now.getTime() + ttlSeconds * 1_000]),
    ];
    const expiresAt = ends.length === 0 ? null : new Date(Math.min(...ends));
    return issueOperator(client, {
      ...{ name, person, role, expiresAt },
      createdBy: operatorActor(by),
    });
  });
}

/** Within the transaction of whoever decided it. The token is in the answer and nowhere else. */
export async function issueOperator(
  client: Queryable,
  asked: Pick<CaOperator, 'name' | 'person' | 'role' | 'createdBy'> & {
    readonly expiresAt: Date | null;
  },
): Promise<CaOperatorCreated> {
  const token = `tsc_${randomBytes(32).toString('base64url')}`;
  const { name, person, role, createdBy, expiresAt } = asked;
  const record: CaOperator = {
    ...{ id: randomUUID(), name, person, role, createdBy },
    createdAt: (await databaseNow(client)).toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    revokedAt: null,
  };
  await insertOperator(client, record, hashOfToken(token));
  const until = record.expiresAt === null ? '' : `, until ${record.expiresAt}`;
  const detail = `${name}, ${role}, for ${person}${until}`;
  await appendAudit(client, {
    actor: createdBy,
    action: 'operator.add',
    subject: record.id,
    detail,
  });
  return { token, record };
}

/**
 * Tightening, by one person. The last that commands stays, and so do two people where loosening takes two: otherwise
 * nobody could command this CA any more but whoever holds its machine.
 * @throws AppError OPERATOR_UNKNOWN, OPERATOR_LAST
 */
export async function removeOperator(pool: pg.Pool, by: Operator, id: string): Promise<CaOperator> {
  return operatorTransaction(pool, by, async (client) => {
    // Two removals at once see each other.
    const quorum = await lockQuorum(client);
    const record = await revokeOperator(client, id);
    if (record === null) throw caError('OPERATOR_UNKNOWN', 404, { detail: id });
    const people = await approvers(client);
    if (record.role === 'operator' && people.length < quorum) {
      throw caError('OPERATOR_LAST', 409, {
        detail: `quorum ${quorum}, operators that would be left: ${people.join(', ') || 'none'}`,
      });
    }
    const detail = `${record.name}, ${record.role}, of ${record.person}`;
    const line = { actor: operatorActor(by), action: 'operator.remove', subject: id, detail };
    await appendAudit(client, line);
    return record;
  });
}
