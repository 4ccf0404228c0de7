import { createHash } from 'node:crypto';
import { ProblemError } from '@touchstone/transport';
import type { OperatorApi } from '../operator-api.ts';

/** Bytes that verdicts share, by the SHA-256 that names them. */
export type Content = {
  /** Null where there is nothing of this name. What is there may be anything: `isNamed` says whether it is that. */
  get(digest: string): Promise<Uint8Array | null>;
};

/** Some logs, and all contexts and documents of some policies. */
const MOST_BYTES = 67_108_864;

/** Asks for each once, while it is not too long ago. */
export function contentOf(api: Pick<OperatorApi, 'blob'>, mostBytes = MOST_BYTES): Content {
  const held = new Map<string, Uint8Array>();
  let size = 0;
  return {
    async get(digest) {
      const before = held.get(digest);
      const bytes = before ?? (await blobOrNull(api, digest));
      if (bytes === null) return null;
      held.delete(digest);
      held.set(digest, bytes);
      if (before === undefined) size += bytes.length;
      for (const [oldest, { length }] of held) {
        if (size <= mostBytes) break;
        held.delete(oldest);
        size -= length;
      }
      return bytes;
    },
  };
}

export const isNamed = (bytes: Uint8Array, digest: string): boolean =>
  createHash('sha256').update(bytes).digest('hex') === digest;

async function blobOrNull(
  api: Pick<OperatorApi, 'blob'>,
  digest: string,
): Promise<Uint8Array | null> {
  try {
    return Buffer.from((await api.blob(digest)).bytes, 'base64url');
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'BLOB_UNKNOWN') return null;
    throw error;
  }
}
