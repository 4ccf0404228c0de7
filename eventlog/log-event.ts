import { type BankName, bankAlgorithm, hash, hashOfBank } from '@touchstone/tpm';
import { ParseError, type Reader, Writer } from '@touchstone/tpm';
import { EV_NO_ACTION, eventTypeName } from './event-types.ts';
import type { DeclaredAlgorithm } from './spec-id.ts';

export type EventDigest = { readonly bank: BankName; readonly digest: Uint8Array };

/**
 * An event of either layout: TCG_PCR_EVENT2, TCG PC Client PFP, 10.2.2, or TCG_PCClientPCREvent, 10.2.1.
 * What replay binds to a quote are pcr, order and digests.
 */
export type LogEvent = {
  /** As other tools count: a Spec ID event is 0, the first event of a log without one as well. */
  readonly index: number;
  /** Of the event's first byte in the log. */
  readonly offset: number;
  readonly pcr: number;
  /** No digest covers it. */
  readonly claimedType: number;
  readonly claimedTypeName: string;
  /** In the log's order, without those of algorithms not known here. */
  readonly digests: readonly EventDigest[];
  /** Believe it only where digestCoversData says so. */
  readonly data: Uint8Array;
  /** False for EV_NO_ACTION, which informs and is never extended. */
  readonly extends: boolean;
};

export const LAST_PCR = 23;
/** Where EV_NO_ACTION is of no PCR; Windows ends its logs with such an event. */
export const NO_PCR = 0xffffffff;
/** The shortest TCG_PCR_EVENT2: pcrIndex, eventType, no digests, no data. */
export const SMALLEST_EVENT = 16;

export const isPcrIndex = (pcr: number, claimedType: number): boolean =>
  pcr <= LAST_PCR || (pcr === NO_PCR && claimedType === EV_NO_ACTION);

/** TCG_PCR_EVENT2: TCG PC Client PFP, 10.2.2. */
export function readLogEvent(
  reader: Reader,
  index: number,
  declared: readonly DeclaredAlgorithm[],
): LogEvent {
  const { offset } = reader;
  const pcr = reader.u32(`events[${index}].pcrIndex`);
  const claimedType = reader.u32(`events[${index}].eventType`);
  if (!isPcrIndex(pcr, claimedType)) {
    throw new ParseError('PCR_INDEX', `events[${index}].pcrIndex`, offset, `${pcr}`);
  }
  const digests = readDigests(reader, index, declared);
  const size = reader.u32(`events[${index}].eventSize`);
  const data = reader.bytes(size, `events[${index}].event`);
  return {
    index,
    offset,
    pcr,
    claimedType,
    claimedTypeName: eventTypeName(claimedType),
    digests,
    data,
    extends: claimedType !== EV_NO_ACTION,
  };
}

function readDigests(
  reader: Reader,
  index: number,
  declared: readonly DeclaredAlgorithm[],
): EventDigest[] {
  const field = `events[${index}].digests`;
  const start = reader.offset;
  const count = reader.u32(`${field}.count`);
  if (count > declared.length) {
    throw new ParseError('DIGEST_COUNT', `${field}.count`, start, `${count}`);
  }
  const digests: EventDigest[] = [];
  const seen = new Set<number>();
  for (let i = 0; i < count; i++) {
    const { offset } = reader;
    const alg = reader.u16(`${field}[${i}].hashAlg`);
    const found = declared.find((entry) => entry.alg === alg);
    if (!found) {
      const detail = `0x${alg.toString(16)}`;
      throw new ParseError('DIGEST_UNDECLARED', `${field}[${i}].hashAlg`, offset, detail);
    }
    if (seen.has(alg)) {
      throw new ParseError('DIGEST_DUPLICATE', `${field}[${i}].hashAlg`, offset);
    }
    seen.add(alg);
    const digest = reader.bytes(found.size, `${field}[${i}].digest`);
    if (found.bank) digests.push({ bank: found.bank, digest });
  }
  return digests;
}

export type NewEvent = {
  readonly pcr: number;
  readonly type: number;
  readonly data: Uint8Array;
  /** By default the hash of `data` in each bank: what the PCRs are to be extended with. */
  readonly digests?: readonly EventDigest[];
};

/** One TCG_PCR_EVENT2, to be appended to a log whose Spec ID event declares these banks. */
export function encodeEvent(event: NewEvent, banks: readonly BankName[]): Uint8Array {
  const digests = event.digests ?? banks.map((bank) => ({ bank, digest: hash(bank, event.data) }));
  const writer = new Writer('little').u32(event.pcr).u32(event.type).u32(digests.length);
  for (const { bank, digest } of digests) {
    if (!banks.includes(bank)) throw new RangeError(`the log has no bank ${bank}`);
    if (digest.length !== hashOfBank(bank).size) throw new RangeError(`no digest of ${bank}`);
    writer.u16(bankAlgorithm(bank)).bytes(digest);
  }
  return writer.u32(event.data.length).bytes(event.data).finish();
}
