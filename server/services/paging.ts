import { type TSchema, Type } from 'typebox';
import { checkAgainst, JsonError, parseStrictJson, SchemaError } from '@touchstone/schemas';
import { refusal } from '../codes.ts';
import type { PageAfter } from '../store/page.ts';

/** What a caller asked for of a list. */
export type Page = { readonly limit: number; readonly cursor: string | undefined };

export const FIRST_PAGE: Page = { limit: 1_000, cursor: undefined };

type Paging<K, Row> = {
  /** The schema of K: what the list is ordered by, and tells each row from the others. */
  readonly key: TSchema;
  readonly keyOf: (row: Row) => K;
  readonly load: (page: PageAfter<K>) => Promise<Row[]>;
  /** How many of the rows a page can show, where they may be too large for all of them; one or more. */
  readonly fitting?: (rows: readonly Row[]) => number;
};

/**
 * One page, and the cursor of the next. A cursor is the key of the last row that was shown, so that rows which
 * come and go meanwhile move no other onto a page twice or off it.
 * @throws AppError CURSOR_MALFORMED
 */
export async function pageOf<K, Row>(
  { limit, cursor }: Page,
  { key, keyOf, load, fitting }: Paging<K, Row>,
): Promise<{ rows: Row[]; next: { nextCursor: string } | object }> {
  const after = cursor === undefined ? null : (keyIn(cursor, key) as K);
  const found = await load({ limit: limit + 1, after });
  const rows = found.slice(0, Math.min(limit, fitting?.(found) ?? limit));
  const last = rows.at(-1);
  const more = found.length > rows.length && last !== undefined;
  return { rows, next: more ? { nextCursor: cursorOf(keyOf(last)) } : {} };
}

export const cursorOf = (key: unknown): string =>
  Buffer.from(JSON.stringify(key)).toString('base64url');

/** @throws AppError CURSOR_MALFORMED */
export function keyIn(cursor: string, key: TSchema): unknown {
  try {
    return checkAgainst(key, parseStrictJson(Buffer.from(cursor, 'base64url')));
  } catch (cause) {
    if (!(cause instanceof JsonError || cause instanceof SchemaError)) throw cause;
    throw refusal('CURSOR_MALFORMED', { cause });
  }
}

/** A key of several columns. (TypeBox writes tuples as older drafts of JSON Schema did.) */
export const keyOfColumns = (...columns: readonly TSchema[]): TSchema =>
  Type.Unsafe({
    type: 'array',
    prefixItems: columns,
    items: false,
    minItems: columns.length,
    maxItems: columns.length,
  });

/** A time in a key: rows are stored to the millisecond. The bound is the end of the year 9999. */
export const EpochMs = Type.Integer({ minimum: 0, maximum: 253_402_300_799_999 });
