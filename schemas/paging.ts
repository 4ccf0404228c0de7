import { Type } from 'typebox';

/** How many of a list are asked for at once. */
export const PageLimit = Type.Integer({ minimum: 1, maximum: 1_000 });

/** Where a list goes on. Only the server can read it; it holds nothing secret and gives no right. */
export const Cursor = Type.String({ pattern: '^[A-Za-z0-9_-]+$', minLength: 1, maxLength: 1_024 });

/** Of a page of a list; absent on its last. */
export const nextCursor = Type.Optional(Cursor);
