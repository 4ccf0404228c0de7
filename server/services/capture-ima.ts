import { imaPolicyFromList, type VerifiedEvidence } from '@touchstone/appraisal';
import { type ImaEntry, imaEntries } from '@touchstone/eventlog';
import type { ImaPolicy } from '@touchstone/schemas';
import { blobByDigest } from '../store/blobs.ts';
import type { Queryable } from '../store/database.ts';
import { imaSegments } from '../store/ima.ts';
import { storedImaOf } from './ima-list.ts';

/** Of a list that is longer nobody reads the policy either. */
const MAX_BYTES = 33_554_432;

/**
 * What the host's list shows of the boot that the evidence is of, as a policy. A list goes on: what is not in it yet
 * warns, and what is in it with another content enforces. undefined where there is none, or not all of it any more.
 */
export async function capturedIma(
  on: Queryable,
  hostId: string,
  verified: VerifiedEvidence,
): Promise<ImaPolicy | undefined> {
  const stored = await storedImaOf(on, hostId, verified);
  const parts = (await imaSegments(on, hostId)).filter(({ proven }) => proven);
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  const entries = parts.reduce((sum, part) => sum + part.entries, 0);
  if (entries === 0 || entries !== stored?.progress?.entries || bytes > MAX_BYTES) return undefined;
  const lists: Uint8Array[] = [];
  for (const part of parts) {
    const blob = await blobByDigest(on, part.digest);
    if (blob === null) return undefined;
    lists.push(blob.subarray(0, part.bytes));
  }
  const policy = imaPolicyFromList(entriesOf(lists));
  return policy === undefined ? undefined : { ...policy, unlisted: 'warn' };
}

function* entriesOf(lists: readonly Uint8Array[]): Generator<ImaEntry> {
  for (const list of lists) yield* imaEntries(list);
}
