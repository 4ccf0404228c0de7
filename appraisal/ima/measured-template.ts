import type { ImaCursor, ImaEntry } from '@touchstone/eventlog';
import { hash } from '@touchstone/tpm';
import { bankOf } from './boot-aggregate.ts';

/**
 * Whether an entry's digest and name are where every template that a kernel has a name for has them: first and
 * second. No digest covers a template's name, so that another template is a way to call things what they are not.
 */
export const isToldByPlace = ({ template: { digest, path } }: ImaCursor): boolean =>
  digest === 0 && path === 1;

/** `sha256:` NUL, or `ima:sha256:` NUL. */
const NAMED = /^(?:[a-z]{1,8}:)?(?:sha|sm3|md|rmd|wp|tgr|streebog)[a-z0-9-]{0,16}:\0/u;
const LONGEST_NAME = 32;
const LENGTH_SIZE = 4;

/**
 * Whether an entry's data is a digest and a name as all but `ima` have them, and its template says something else: what the
 * kernel hashed is the data, lengths and all, and what the list calls it is anybody's.
 */
export function isRetyped(cursor: ImaCursor): boolean {
  const { data, dataStart, dataEnd, fieldStart, fieldEnd } = cursor;
  if (isToldByPlace(cursor)) return false;
  const start = dataStart + LENGTH_SIZE;
  const end = Math.min(start + LONGEST_NAME, dataEnd);
  if (!NAMED.test(data.toString('latin1', start, end))) return false;
  const [nameStart = 0, nameEnd = 0] = [fieldStart[1], fieldEnd[1]];
  return nameEnd > nameStart && data[nameEnd - 1] === 0;
}

/** Data that the kernel measured: what it hashed is in the entry, and no more than that is called so. */
export function isBuffer({ buffer, digest }: ImaEntry): boolean {
  const bank = digest === undefined ? undefined : bankOf(digest.algorithm);
  if (buffer === undefined || digest === undefined || bank === undefined) return false;
  return Buffer.compare(hash(bank, buffer), digest.value) === 0;
}
