import type { Context } from 'koa';
import getRawBody from 'raw-body';
import type { Static, TSchema } from 'typebox';
import { checkAgainst, parseStrictJson } from '@touchstone/schemas';
import { AppError } from './app-error.ts';

/** No message to a server has near as many: lists and baselines go the other way, or as one text. */
const MAX_TOKENS = 4_096;

/**
 * The request's body, bounded before it is read, as strict JSON of exactly the schema's shape.
 * @throws AppError CONTENT_TYPE, CONTENT_ENCODING, BODY_TOO_LARGE, BODY_INCOMPLETE; JsonError; SchemaError.
 */
export async function readJson<T extends TSchema>(
  ctx: Context,
  schema: T,
  { maxBytes = 65_536 }: { readonly maxBytes?: number } = {},
): Promise<Static<T>> {
  const bytes = await readBytes(ctx, maxBytes);
  return checkAgainst(schema, parseStrictJson(bytes, { maxBytes, maxTokens: MAX_TOKENS }));
}

async function readBytes(ctx: Context, maxBytes: number): Promise<Buffer> {
  if (ctx.is('application/json') !== 'application/json') {
    throw new AppError('CONTENT_TYPE', 415, { detail: 'Send application/json.' });
  }
  if (ctx.get('content-encoding') !== '') {
    throw new AppError('CONTENT_ENCODING', 415, { detail: 'Send the body uncompressed.' });
  }
  try {
    return await getRawBody(ctx.req, { limit: maxBytes, length: ctx.get('content-length') });
  } catch (cause) {
    const tooLarge = (cause as { type?: unknown }).type === 'entity.too.large';
    if (tooLarge) {
      throw new AppError('BODY_TOO_LARGE', 413, {
        detail: `At most ${maxBytes} bytes are read here.`,
        cause,
      });
    }
    throw new AppError('BODY_INCOMPLETE', 400, { detail: 'The body ended early.', cause });
  }
}
