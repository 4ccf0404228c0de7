import {
  type AppraisalContext,
  type AttestationResult,
  imaDocumentsFor,
  imaPolicyDigestOf,
  type VerifiedEvidence,
} from '@touchstone/appraisal';
import { IMA_PCR, openImaList } from '@touchstone/eventlog';
import type { ImaPosition, ImaProgress } from '@touchstone/schemas';
import { blobByDigest } from '../store/blobs.ts';
import type { Queryable } from '../store/database.ts';
import { type ImaSegmentReference, imaOfHost, imaSegments, type StoredIma } from '../store/ima.ts';
import type { Verifier } from './verifier.ts';

/** What evidence says of IMA's list. */
export type SentList = {
  readonly fromEntry: number;
  readonly entries: Uint8Array;
  readonly more: boolean;
};

/** What a list goes on from. */
export type ImaGround = {
  /** null where the evidence has none. */
  readonly list: SentList | null;
  /** Of the boot that the evidence is of; null where nothing of it is stored. */
  readonly stored: StoredIma | null;
  /**
   * By which its entries are judged: what came before them, judged by the documents of now. More than one where nothing has told
   * yet how the kernel extends a bank: the one that leads to PCR 10 counts. undefined for the list's beginning.
   */
  readonly priors: readonly (ImaProgress | undefined)[];
};

/** A list that cannot go on from there. `anew`: what is stored of this boot is of no use, and the list begins at 0. */
export type Astray = { readonly next: number; readonly anew: boolean };

export const sentListOf = ({ statement, claimedImaList }: VerifiedEvidence): SentList | null => {
  const reference = statement.logs.find((log) => log.kind === 'ima');
  if (reference === undefined || claimedImaList === undefined) return null;
  return { fromEntry: reference.fromEntry, ...claimedImaList };
};

export const bootOf = ({ akName, attest }: VerifiedEvidence) => ({
  akName,
  resetCount: BigInt(attest.clockInfo.resetCount),
});

/** The entry that a list is awaited from. */
export const nextOf = (stored: StoredIma | null): number =>
  stored?.pendingEnd ?? stored?.progress?.entries ?? 0;

/** What is stored of the boot that the evidence is of. */
export async function storedImaOf(
  on: Queryable,
  hostId: string,
  verified: VerifiedEvidence,
): Promise<StoredIma | null> {
  const stored = await imaOfHost(on, hostId);
  const { akName, resetCount } = bootOf(verified);
  return stored?.akName === akName && stored.resetCount === resetCount ? stored : null;
}

/**
 * What new evidence's list goes on from. It has to begin where it is awaited; one that begins at 0 and is whole may
 * always come again.
 */
export async function groundOfNew(
  verifier: Verifier,
  on: Queryable,
  { verified, context }: { verified: VerifiedEvidence; context: AppraisalContext },
): Promise<ImaGround | Astray> {
  const list = sentListOf(verified);
  if (list === null) return { list, stored: null, priors: [undefined] };
  const stored = await storedImaOf(on, context.hostId, verified);
  const next = nextOf(stored);
  if (list.fromEntry === 0 && (next === 0 || !list.more))
    return { list, stored, priors: [undefined] };
  if (stored === null || list.fromEntry !== next) return { next, anew: false };
  const priors = await priorsOf(verifier, on, { stored, verified, context });
  return priors === null ? { next: 0, anew: true } : { list, stored, priors };
}

/** What stored evidence, the host's latest, went on from; of what is lost nothing leads to its PCR 10. */
export async function groundOfStored(
  verifier: Verifier,
  on: Queryable,
  { verified, context }: { verified: VerifiedEvidence; context: AppraisalContext },
): Promise<ImaGround> {
  const list = sentListOf(verified);
  if (list === null) return { list, stored: null, priors: [undefined] };
  const stored = await storedImaOf(on, context.hostId, verified);
  if (list.fromEntry === 0 || stored === null) return { list, stored, priors: [undefined] };
  const progress = stored.evidence === verified.digest ? stored.before : stored.progress;
  const before = { ...stored, progress, pendingEnd: null };
  const priors = await priorsOf(verifier, on, { stored: before, verified, context });
  return { list, stored, priors: priors ?? [undefined] };
}

/** A verdict, and what it was made from. */
export type Grounded = {
  readonly ground: ImaGround;
  readonly prior: ImaProgress | undefined;
  readonly context: AppraisalContext;
  readonly result: AttestationResult;
};

export async function appraiseOn(
  ground: ImaGround,
  context: AppraisalContext,
  appraise: (context: AppraisalContext) => Promise<AttestationResult>,
): Promise<Grounded> {
  const [first, ...others] = ground.priors;
  const by = async (prior: ImaProgress | undefined): Promise<Grounded> => {
    const whole = prior === undefined ? context : { ...context, ima: { prior } };
    return { ground, prior, context: whole, result: await appraise(whole) };
  };
  let grounded = await by(first);
  for (const prior of others) {
    if (grounded.result.ima.list !== 'short') break;
    grounded = await by(prior);
  }
  return grounded;
}

/** null where parts are gone that other documents than those of then would have to be held against. */
async function priorsOf(
  verifier: Verifier,
  on: Queryable,
  judged: {
    readonly stored: StoredIma;
    readonly verified: VerifiedEvidence;
    readonly context: AppraisalContext;
  },
): Promise<ImaGround['priors'] | null> {
  const { stored, verified, context } = judged;
  const { progress, pendingEnd } = stored;
  const policies = imaDocumentsFor(verified, context);
  const judge = (parts: readonly ImaSegmentReference[], from: Judged, styles: Styles) =>
    judgeParts(verifier, on, { policies, pcrs: verified.pcrs, parts, from, styles });
  const same = progress === null || progress.policy === imaPolicyDigestOf(policies);
  if (same && pendingEnd === null) return [progress ?? undefined];

  const parts = await imaSegments(on, context.hostId);
  let base = progress ?? undefined;
  if (!same) {
    const { entries, values, styles } = progress;
    const before = parts.filter(({ fromEntry, proven }) => proven && fromEntry < entries);
    const again = await judge(before, undefined, styles);
    if (again === null || again?.entries !== entries || !agree(again.values, values)) return null;
    base = again;
  }
  if (pendingEnd === null) return [base];
  const pending = parts.filter(({ proven }) => !proven);
  const priors: Judged[] = [];
  for (const styles of stylesOf(verified, base)) {
    const prior = await judge(pending, base, styles);
    if (prior === null) return null;
    priors.push(prior);
  }
  return priors;
}

type Judged = ImaProgress | undefined;
type Styles = ImaProgress['styles'];

/** One after the other, so that no more than one part is held. null where one is gone. */
async function judgeParts(
  { appraiser }: Verifier,
  on: Queryable,
  judged: {
    readonly policies: ReturnType<typeof imaDocumentsFor>;
    readonly pcrs: VerifiedEvidence['pcrs'];
    readonly parts: readonly ImaSegmentReference[];
    readonly from: Judged;
    readonly styles: Styles;
  },
): Promise<Judged | null> {
  const { policies, pcrs, parts, styles } = judged;
  let prior = judged.from;
  for (const { fromEntry, digest, bytes } of parts) {
    const blob = await blobByDigest(on, digest);
    if (blob === null || fromEntry !== (prior?.entries ?? 0)) return null;
    const list = { fromEntry, entries: blob.subarray(0, bytes) };
    prior = await appraiser.imaPart({ policies, pcrs, prior, list, styles });
  }
  return prior;
}

/** How a kernel extends banks: as it is known, or each way that there is. */
function stylesOf({ pcrs }: VerifiedEvidence, base: Judged): readonly Styles[] {
  const banks = [...pcrs].flatMap(([bank, values]) =>
    values.has(IMA_PCR) && bank !== 'sha1' ? [bank] : [],
  );
  if (banks.every((bank) => base?.styles[bank] !== undefined)) return [{}];
  return [{}, Object.fromEntries(banks.map((bank) => [bank, 'padded']))];
}

const agree = (some: ImaProgress['values'], others: ImaProgress['values']): boolean =>
  Object.entries(others).every(([bank, value]) => some[bank as keyof typeof some] === value);

/** How many entries that is, and up to where the first of them reach. @throws ParseError */
export function measureEntries(
  list: Uint8Array,
  { believed = Infinity } = {},
): { readonly entries: number; readonly bytes: number } {
  const cursor = openImaList(list);
  let entries = 0;
  while (entries < believed && cursor.next()) entries += 1;
  const bytes = cursor.next() ? cursor.offset : list.length;
  return { entries, bytes };
}

/** What the answer to evidence tells. */
export const positionIn = ({ ground, result }: Grounded): { readonly ima?: ImaPosition } =>
  ground.list === null ? {} : { ima: { nextEntry: result.ima.nextEntry } };
