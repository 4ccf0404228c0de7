import { ParseError, Reader } from '@touchstone/tpm';
import { EV_NO_ACTION, EVENT_TYPE_NAMES } from './event-types.ts';
import { readLegacyEvent } from './legacy-event.ts';
import { LAST_PCR, type LogEvent } from './log-event.ts';

/** `cc`: a confidential VM's, of its measurement registers and not of PCRs. */
export type LogKind = 'crypto-agile' | 'legacy-sha1' | 'cc';

export const SPEC_ID_SIGNATURE = 'Spec ID Event03\0';
/** TCG 1.2's two, of a PC's BIOS and of UEFI. What follows them is SHA-1 only. */
const LEGACY_SIGNATURES = ['Spec ID Event00\0', 'Spec ID Event02\0'];
const ANY_SPEC_ID = 'Spec ID Event';

/** Where a confidential VM's log has its Spec ID event; a TPM's has it in PCR 0. */
const CC_HEADER_REGISTER = 1;

/**
 * Reads a log's first event, which has the SHA-1 layout in every format, and tells the format by it: a
 * Spec ID event makes a log crypto-agile, and a SHA-1-only log has none or an old one. No digest covers
 * this event, so that a log's format is what its bytes claim and no more.
 */
export function readHeader(bytes: Uint8Array): {
  readonly kind: LogKind;
  readonly header: LogEvent;
  /** After the first event. */
  readonly reader: Reader;
} {
  // Looked at beforehand: what is no log at all should not be called a short one.
  const peek = new Reader(bytes, 'little');
  const pcr = peek.u32('events[0].pcrIndex');
  const claimedType = peek.u32('events[0].eventType');
  if (pcr > LAST_PCR || !EVENT_TYPE_NAMES.has(claimedType)) {
    throw new ParseError('LOG_FORMAT_UNKNOWN', 'events[0].eventType', 0);
  }
  const reader = new Reader(bytes, 'little');
  const header = readLegacyEvent(reader, 0);
  return { kind: kindOf(header), header, reader };
}

function kindOf({ claimedType, pcr, data }: LogEvent): LogKind {
  if (claimedType !== EV_NO_ACTION) return 'legacy-sha1';
  const signature = Buffer.from(data.subarray(0, SPEC_ID_SIGNATURE.length)).toString('latin1');
  if (!signature.startsWith(ANY_SPEC_ID) || LEGACY_SIGNATURES.includes(signature)) {
    return 'legacy-sha1';
  }
  if (signature === SPEC_ID_SIGNATURE && pcr === 0) return 'crypto-agile';
  if (signature === SPEC_ID_SIGNATURE && pcr === CC_HEADER_REGISTER) return 'cc';
  throw new ParseError('LOG_FORMAT_UNKNOWN', 'events[0].event', 0);
}
