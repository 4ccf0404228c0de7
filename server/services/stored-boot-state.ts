import { type BootState, checkAgainst, ResultClaims, SchemaError } from '@touchstone/schemas';
import { decodeJwt } from 'jose';

/** What the boot meant, from a result that this server signed and stored; undefined for those of releases before it. */
export function storedBootState(result: string): BootState | undefined {
  try {
    return checkAgainst(ResultClaims, decodeJwt(result)).submods.host['touchstone.boot-state'];
  } catch (error) {
    if (error instanceof SchemaError) return undefined;
    throw error;
  }
}
