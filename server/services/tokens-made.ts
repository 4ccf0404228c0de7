import type { ApiToken, TokenRevocation, TokensMade } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import { apiTokensMadeBy, apiTokenById, type MadeApiToken } from '../store/api-tokens.ts';
import { appendAudit } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import { joinTokensMadeBy, revokeJoinToken } from '../store/join-tokens.ts';
import { revokeToken } from './api-tokens.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/**
 * Live tokens that a token made, and that those made: revoking it leaves them as they are.
 * @throws AppError TOKEN_UNKNOWN
 */
export async function viewTokensMade(
  { database, clock }: Pick<Verifier, 'database' | 'clock'>,
  id: string,
): Promise<TokensMade> {
  if ((await apiTokenById(database, id)) === null) throw refusal('TOKEN_UNKNOWN');
  return madeBy(database, id, clock.now());
}

/**
 * A token, and all live ones that come from it, in one transaction: all or none. The token itself first, so that it
 * makes no more; likewise each of those it made.
 * @throws AppError TOKEN_UNKNOWN, TOKEN_ROLES_EXCEEDED
 */
export async function revokeWithMade(
  { database, clock }: Verifier,
  by: Actor & Pick<ApiToken, 'roles'>,
  id: string,
): Promise<TokenRevocation> {
  const now = clock.now();
  return database.transaction(async (on) => {
    const record = await revokeToken(on, by, id, now);
    const made = await madeBy(on, id, now, async (token) => {
      await revokeToken(on, by, token.id, now, `made by ${id}`);
    });
    for (const token of made.joinTokens) {
      await revokeJoinToken(on, token.id, now);
      const line = { actor: auditActor(by), action: 'join-token.revoke', subject: token.id };
      await appendAudit(on, { ...line, detail: `made by ${id}` }, now);
    }
    return { record, ...made };
  });
}

/** Generation by generation, through those that hold no more: what they made may still. */
async function madeBy(
  on: Queryable,
  id: string,
  now: Date,
  each: (token: ApiToken) => Promise<void> = async () => {},
): Promise<TokensMade> {
  const tokens: ApiToken[] = [];
  const known = new Set([id]);
  for (let makers = [id]; makers.length > 0;) {
    const made: MadeApiToken[] = await apiTokensMadeBy(on, makers, now);
    for (const { token, live } of made) {
      known.add(token.id);
      if (!live) continue;
      await each(token);
      tokens.push(token);
    }
    makers = made.map(({ token }) => token.id);
  }
  return { tokens, joinTokens: await joinTokensMadeBy(on, [...known], now) };
}
