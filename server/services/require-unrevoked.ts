import { refusal } from '../codes.ts';
import { isRevoked } from '../store/api-tokens.ts';
import type { Queryable } from '../store/database.ts';
import type { Actor } from './verifier.ts';

/** One that was revoked since its call began makes nothing: whoever revokes what it made misses none. */
export async function requireUnrevoked(on: Queryable, { id }: Pick<Actor, 'id'>): Promise<void> {
  if (await isRevoked(on, id)) throw refusal('UNAUTHENTICATED');
}
