import { isDigestOf, isStrongHash } from '@touchstone/tpm';
import { coverWholeData } from '../digest-covers-data.ts';
import type { EventDigest } from '../log-event.ts';
import type { MeaningBasis, ProvedPart } from './event-meaning.ts';

/** What may have been measured instead of the whole data, and how that is called. */
export type Candidate = readonly [part: ProvedPart, bytes: Uint8Array];

type Measured = {
  readonly extends: boolean;
  readonly digests: readonly EventDigest[];
  readonly data: Uint8Array;
};

export const LABEL: MeaningBasis = { basis: 'label' };

/**
 * What the event's digests prove: the whole data, or else the first candidate. Proved means that it hashes
 * to the digest in every bank that the event has one in, and in one at least that is not SHA-1 or SM3: for
 * those nothing is believed. An event without digests, or that extends nothing, proves nothing.
 */
export function basisOf(event: Measured, candidates: readonly Candidate[] = []): MeaningBasis {
  return event.extends && hasStrong(event) && coverWholeData(event)
    ? { basis: 'data' }
    : partOf(event, candidates);
}

/** The same where the whole data is never what is measured, or seldom: each hash costs. */
export function partOf(event: Measured, candidates: readonly Candidate[]): MeaningBasis {
  if (!event.extends) return LABEL;
  const found = candidates.find(([, bytes]) => isHashOf(event, bytes));
  return found === undefined ? LABEL : { basis: 'part', part: found[0] };
}

/** Whether `bytes` is what an event's digests are of, in every bank. */
export const isHashOf = ({ digests }: Pick<Measured, 'digests'>, bytes: Uint8Array): boolean =>
  hasStrong({ digests }) && digests.every(({ bank, digest }) => isDigestOf(bank, digest, bytes));

const hasStrong = ({ digests }: Pick<Measured, 'digests'>): boolean =>
  digests.some(({ bank }) => isStrongHash(bank));
