import { REASONS, type VerifiedEvidence } from '@touchstone/appraisal';
import type { Finding } from '@touchstone/schemas';
import { ParseError } from '@touchstone/tpm';
import { AppError } from '@touchstone/transport';
import { SERVER_CODES } from '../codes.ts';
import { raiseAlert } from '../store/alerts.ts';
import { digestOfBlob, keepBlobs } from '../store/blobs.ts';
import type { Queryable } from '../store/database.ts';
import { dayOf } from '../store/day.ts';
import type { Host } from '../store/host.ts';
import { lockHost } from '../store/hosts.ts';
import {
  addImaSegment,
  countImaSegments,
  dropImaSegments,
  forgetPending,
  proveImaSegments,
  restartIma,
  setImaProgress,
} from '../store/ima.ts';
import { isAdmitted } from './host-state.ts';
import {
  type Astray,
  bootOf,
  type Grounded,
  measureEntries,
  nextOf,
  type SentList,
  sentListOf,
  storedImaOf,
} from './ima-list.ts';

/** As many entries as a list may have that nothing has vouched for yet: as many as a list may have at all. */
const MAX_PENDING_ENTRIES = 2_097_152;
/** Parts of one list. Beyond, they are not kept, and other documents ask the host for its list again. */
const MAX_SEGMENTS = 4_096;

/** Evidence that says nothing yet, or nothing at all, of what its host did. `afterwards` is what is kept of it. */
export class ImaRefusal extends AppError {
  readonly afterwards: (on: Queryable) => Promise<void>;

  constructor(
    code: 'IMA_LIST_CONTINUES' | 'IMA_LIST_ELSEWHERE' | 'IMA_LOG_MISMATCH',
    refused: {
      readonly nextEntry: number;
      readonly findings?: readonly Finding[];
      readonly afterwards?: (on: Queryable) => Promise<void>;
    },
  ) {
    const { status, title, remedy } =
      code === 'IMA_LOG_MISMATCH' ? { status: 422, ...REASONS[code] } : SERVER_CODES[code];
    const { nextEntry, findings, afterwards = async () => {} } = refused;
    const detail = `Next is entry ${nextEntry}.`;
    super(code, status, {
      ...{ title, remedy, detail, ima: { nextEntry } },
      ...(findings === undefined ? {} : { findings }),
    });
    this.afterwards = afterwards;
  }
}

type Received = {
  readonly verified: VerifiedEvidence;
  readonly host: Pick<Host, 'id' | 'name'>;
  readonly now: Date;
};

/** A list that does not begin where it is awaited. */
export function refuseAstray({ next, anew }: Astray, { verified, host }: Received): ImaRefusal {
  return new ImaRefusal('IMA_LIST_ELSEWHERE', {
    nextEntry: next,
    ...(anew ? { afterwards: (on) => beginAnew(on, host.id, verified) } : {}),
  });
}

/**
 * Whether a list that does not lead to PCR 10 is refused, rather than judged for that. Of a host that nobody admitted nothing
 * is kept; and where no document asks what IMA measured, a list that ends before PCR 10 is no more than a finding.
 */
export const isRefused = ({ ground, result }: Grounded, host: Pick<Host, 'state'>): boolean =>
  isAdmitted(host) &&
  result.ima.list === 'short' &&
  (ground.list?.more === true || result.ima.isAsked);

/**
 * Evidence whose list does not lead to the PCR 10 that was quoted. Nothing signs a list but PCR 10, so that this is said by
 * nobody: it changes no state, as PCR values do that are not those quoted. Where there is more to come, the part is kept for
 * what the rest will make of it.
 */
export function refuseShort(
  received: Received,
  { ground: { stored }, result }: Grounded,
): ImaRefusal {
  const { verified, host, now } = received;
  const list = sentListOf(verified);
  const part = list?.more === true ? measured(list.entries) : null;
  if (list !== null && part !== null && part.entries > 0) {
    const nextEntry = list.fromEntry + part.entries;
    const afterwards = (on: Queryable) =>
      keepPending(on, received, { ...part, fromEntry: list.fromEntry, list: list.entries });
    if (nextEntry <= MAX_PENDING_ENTRIES)
      return new ImaRefusal('IMA_LIST_CONTINUES', { nextEntry, afterwards });
  }
  return new ImaRefusal('IMA_LOG_MISMATCH', {
    nextEntry: stored?.progress?.entries ?? 0,
    findings: result.findings,
    afterwards: async (on) => {
      if ((await lockHost(on, host.id)) !== null) await forgetPending(on, host.id);
      const alert = { code: 'EVIDENCE_REJECTED', subject: host.name, detail: 'IMA_LOG_MISMATCH' };
      await raiseAlert(on, alert, now);
    },
  });
}

function measured(entries: Uint8Array): ReturnType<typeof measureEntries> | null {
  try {
    return measureEntries(entries);
  } catch (error) {
    if (error instanceof ParseError) return null;
    throw error;
  }
}

async function keepPending(
  on: Queryable,
  { verified, host: { id }, now }: Received,
  part: { readonly fromEntry: number; readonly entries: number; readonly list: Uint8Array },
): Promise<void> {
  const { fromEntry, entries, list } = part;
  if (!(await isPresentBoot(on, id, verified))) return;
  const stored = await storedImaOf(on, id, verified);
  if (nextOf(stored) !== fromEntry) return;
  if (stored === null) await restartIma(on, id, bootOf(verified));
  const digest = digestOfBlob(list);
  await keepBlobs(on, new Map([[digest, () => list]]), dayOf(now));
  await addImaSegment(on, id, { fromEntry, entries, digest, bytes: list.length, proven: false });
}

async function beginAnew(on: Queryable, hostId: string, verified: VerifiedEvidence) {
  if (await isPresentBoot(on, hostId, verified)) await restartIma(on, hostId, bootOf(verified));
}

/** Locks the host. Evidence of an AK or a boot that is over by now leaves nothing behind. */
async function isPresentBoot(
  on: Queryable,
  hostId: string,
  verified: VerifiedEvidence,
): Promise<boolean> {
  const host = await lockHost(on, hostId);
  const { akName, resetCount } = bootOf(verified);
  return host !== null && host.akName === akName && host.mark.resetCount <= resetCount;
}

/**
 * Moves what is believed of the host's list, with the verdict that it led to: in its transaction, under the host's lock.
 * Evidence that has nothing new writes nothing. `again`: it was there before, and was held against other documents.
 */
export async function keepIma(
  on: Queryable,
  { verified, host: { id } }: Pick<Received, 'verified' | 'host'>,
  { ground, prior, result }: Grounded,
  { again = false } = {},
): Promise<void> {
  const { list, stored } = ground;
  const { list: state, believedEntries, progress } = result.ima;
  if (list === null || state !== 'whole' || progress === undefined) return;
  const isPending = stored !== null && stored.pendingEnd !== null;
  const isJudgedAnew = progress.policy !== stored?.progress?.policy;
  const isMoved = believedEntries > 0 || isPending;
  if (!isJudgedAnew && (again || !isMoved)) return;
  if (stored === null) await restartIma(on, id, bootOf(verified));
  if (stored === null || !again) await keepPart(on, id, { list, believedEntries, isPending });
  await setImaProgress(on, id, { progress, before: prior ?? null, evidence: verified.digest });
}

async function keepPart(
  on: Queryable,
  hostId: string,
  kept: {
    readonly list: SentList;
    readonly believedEntries: number;
    readonly isPending: boolean;
  },
): Promise<void> {
  const { list, believedEntries: entries, isPending } = kept;
  const { fromEntry } = list;
  if (fromEntry === 0) await dropImaSegments(on, hostId);
  else if (isPending) await proveImaSegments(on, hostId);
  if (entries === 0) return;
  if ((await countImaSegments(on, hostId)) >= MAX_SEGMENTS) {
    await dropImaSegments(on, hostId);
    return;
  }
  const { bytes } = measureEntries(list.entries, { believed: entries });
  const digest = digestOfBlob(list.entries);
  await addImaSegment(on, hostId, { fromEntry, entries, digest, bytes, proven: true });
}
