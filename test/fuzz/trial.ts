import { getHeapStatistics } from 'node:v8';
import { isRefusal, type Target } from './target.ts';

export type Fault = { readonly kind: 'crash' | 'changed' | 'allocation'; readonly detail: string };

/** Bytes outside the heap: twice the input, and what is used whatever the input. */
const MAX_BUFFERS = { each: 2, always: 128 * 1_024 };
/** Objects cost more than the bytes that they stand for; a list as long as a lying count costs far more. */
const MAX_HEAP = { each: 256, always: 8 * 1_024 * 1_024 };

/**
 * Has a parser make what it makes once, whatever the input: a schema compiled at its first use takes megabytes,
 * which would be laid at the door of the first input that comes so far.
 */
export function makeReady({ seeds, read }: Target): void {
  for (const seed of seeds()) readOnce(read, seed);
}

/** Gives a parser one input, and tells what went wrong. */
export function tryInput({ read }: Pick<Target, 'read'>, bytes: Uint8Array): Fault | null {
  const before = getHeapStatistics();
  const fault = readOnce(read, bytes);
  const after = getHeapStatistics();
  if (fault !== null) return fault;
  // A collection in between only hides what was taken: it finds nothing that is not there.
  const buffers = after.external_memory - before.external_memory;
  const heap = after.used_heap_size - before.used_heap_size;
  if (buffers > MAX_BUFFERS.each * bytes.length + MAX_BUFFERS.always) {
    return { kind: 'allocation', detail: `${buffers} bytes for ${bytes.length}` };
  }
  if (heap > MAX_HEAP.each * bytes.length + MAX_HEAP.always) {
    return { kind: 'allocation', detail: `${heap} bytes of heap for ${bytes.length}` };
  }
  return null;
}

function readOnce(read: Target['read'], bytes: Uint8Array): Fault | null {
  let back: Uint8Array | undefined;
  try {
    back = read(Uint8Array.from(bytes));
  } catch (error) {
    return isRefusal(error) ? null : { kind: 'crash', detail: textOf(error) };
  }
  if (back === undefined || Buffer.compare(back, bytes) === 0) return null;
  return { kind: 'changed', detail: Buffer.from(back).toString('hex').slice(0, 512) };
}

const textOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);
