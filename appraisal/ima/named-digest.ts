import { BOOT_AGGREGATE } from './boot-aggregate.ts';

/** Whether the digest's name is that of the algorithm that a policy's line of this size speaks of. */
export function isNamedBySize(
  data: Buffer,
  start: number,
  digestStart: number,
  size: number,
): boolean {
  // `d`: without a name, SHA-1.
  if (digestStart === start) return size === 20;
  const name = nameOfSize(size);
  const from = digestStart - 2 - name.length;
  if (name === '' || from < start || (from > start && data[from - 1] !== COLON)) return false;
  for (let at = 0; at < name.length; at += 1) {
    if (data[from + at] !== name.charCodeAt(at)) return false;
  }
  return true;
}

function nameOfSize(size: number): string {
  if (size === 32) return 'sha256';
  if (size === 20) return 'sha1';
  if (size === 48) return 'sha384';
  return size === 64 ? 'sha512' : '';
}

const [COLON, SLASH] = [0x3a, 0x2f];

/** Files have paths, which begin with a slash. */
export const isBootAggregate = (data: Buffer, start: number, end: number): boolean =>
  data[start] !== SLASH && data.toString('latin1', start, end) === BOOT_AGGREGATE;
