import type { DiskName } from '@touchstone/schemas';
import { AppError, type Route } from '@touchstone/transport';
import { overwriteKeys, type WaitingKeys } from '../keys/waiting-keys.ts';

const PATH =
  /^\/v1\/starts\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\/keys$/u;
const DIGITS = Buffer.from('0123456789abcdef', 'latin1');

/** The keys that wait for a start that was permitted, once: a StartKeys. */
export const keyRoutes =
  (waiting: WaitingKeys): Route =>
  async (ctx, next) => {
    const permitId = PATH.exec(ctx.path)?.[1];
    if (permitId === undefined) return next();
    if (ctx.method !== 'POST') throw new AppError('METHOD_NOT_ALLOWED', 405);
    const keys = waiting.take(permitId);
    const body = startKeysBytes(keys);
    overwriteKeys(keys);
    ctx.res.once('close', () => body.fill(0));
    ctx.type = 'application/json';
    ctx.body = body;
    return undefined;
  };

/** JSON without a string that has a key in it: a string cannot be overwritten. */
function startKeysBytes(keys: ReadonlyMap<DiskName, Buffer>): Buffer {
  const parts = [...keys].map(([disk, key], index) => ({
    before: Buffer.from(`${index === 0 ? '{"keys":[' : ','}{"disk":"${disk}","key":"`, 'latin1'),
    key,
  }));
  const after = Buffer.from('"}', 'latin1');
  const size = parts.reduce((sum, { before, key }) => sum + before.length + 2 * key.length + 2, 2);
  const bytes = Buffer.alloc(size);
  let at = 0;
  for (const { before, key } of parts) {
    at += before.copy(bytes, at);
    for (const byte of key) {
      bytes[at] = DIGITS[byte >> 4] ?? 0;
      bytes[at + 1] = DIGITS[byte & 15] ?? 0;
      at += 2;
    }
    at += after.copy(bytes, at);
  }
  bytes.write(']}', at, 'latin1');
  return bytes;
}
