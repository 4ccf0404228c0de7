import { ParseError, type Reader } from '@touchstone/tpm';
import { EV_NO_ACTION, eventTypeName } from './event-types.ts';
import { isPcrIndex, type LogEvent } from './log-event.ts';

const SHA1_SIZE = 20;

/** The shortest TCG_PCClientPCREvent: pcrIndex, eventType, digest, no data. */
export const SMALLEST_LEGACY_EVENT = 32;

/**
 * TCG_PCClientPCREvent: TCG PC Client PFP, 10.2.1. Every event of a SHA-1-only log, and the first of every
 * other.
 */
export function readLegacyEvent(reader: Reader, index: number): LogEvent {
  const { offset } = reader;
  const pcr = reader.u32(`events[${index}].pcrIndex`);
  const claimedType = reader.u32(`events[${index}].eventType`);
  if (!isPcrIndex(pcr, claimedType)) {
    throw new ParseError('PCR_INDEX', `events[${index}].pcrIndex`, offset, `${pcr}`);
  }
  const digest = reader.bytes(SHA1_SIZE, `events[${index}].digest`);
  const size = reader.u32(`events[${index}].eventDataSize`);
  const data = reader.bytes(size, `events[${index}].event`);
  return {
    index,
    offset,
    pcr,
    claimedType,
    claimedTypeName: eventTypeName(claimedType),
    digests: [{ bank: 'sha1', digest }],
    data,
    extends: claimedType !== EV_NO_ACTION,
  };
}
