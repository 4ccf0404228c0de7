import { type BankName, ParseError, Reader, Writer } from '@touchstone/tpm';
import { EVENTLOG_LIMITS, type EventLogLimits } from './limits.ts';
import { encodeEvent, type LogEvent, type NewEvent, readLogEvent } from './log-event.ts';
import { encodeSpecIdEvent, readSpecIdEvent, type SpecId } from './spec-id.ts';

/** A crypto-agile log: TCG PC Client PFP, 10.2. Its byte strings are views on the input. */
export type EventLog = {
  readonly format: 'crypto-agile';
  readonly specId: SpecId;
  /** Without the Spec ID event, which is `specId`. */
  readonly events: readonly LogEvent[];
  /** Bytes of padding (0x00 or 0xFF throughout) after the last event. */
  readonly paddingBytes: number;
};

/**
 * Reads a whole crypto-agile log. Nothing of it is believed by this: replay it, and hold the outcome
 * against a quote.
 *
 * Throws ParseError with a code of EVENTLOG_CODES, or TRUNCATED or TRAILING_BYTES. Time and memory
 * are linear in the input, whatever its length fields say.
 */
export function parseEventLog(bytes: Uint8Array, limits: Partial<EventLogLimits> = {}): EventLog {
  const { maxBytes, maxEvents, maxAlgorithms } = { ...EVENTLOG_LIMITS, ...limits };
  if (bytes.length === 0) throw new ParseError('LOG_EMPTY', 'log', 0);
  if (bytes.length > maxBytes) {
    throw new ParseError('LOG_TOO_LARGE', 'log', maxBytes, `${bytes.length} bytes`);
  }
  const reader = new Reader(bytes, 'little');
  const specId = readSpecIdEvent(reader, maxAlgorithms);
  const isPadding = paddingOf(bytes);
  const events: LogEvent[] = [];
  while (reader.remaining > 0 && !isPadding(reader.offset)) {
    if (events.length >= maxEvents) {
      throw new ParseError('LOG_TOO_MANY_EVENTS', 'events', reader.offset, `over ${maxEvents}`);
    }
    events.push(readLogEvent(reader, events.length + 1, specId.algorithms));
  }
  return { format: 'crypto-agile', specId, events, paddingBytes: reader.remaining };
}

/** The shortest TCG_PCR_EVENT2: pcrIndex, eventType, no digests, no data. */
const SMALLEST_EVENT = 16;

/**
 * Tells offsets in the run of one padding byte that ends the log. An event never begins within it: in 0xFF
 * it would be of PCR 0xFFFFFFFF, in zeros it would be EV_PREBOOT_CERT without digests. The last event
 * may reach into the run, for its data may end in the same byte. Zeros too few for an event are no
 * padding but the cut-off start of an event of PCR 0.
 */
function paddingOf(bytes: Uint8Array): (offset: number) => boolean {
  const filler = bytes.at(-1);
  if (filler !== 0x00 && filler !== 0xff) return () => false;
  let start = bytes.length;
  while (start > 0 && bytes[start - 1] === filler) start--;
  const least = filler === 0x00 ? SMALLEST_EVENT : 1;
  return (offset) => offset >= start && bytes.length - offset >= least;
}

export type NewEventLog = {
  readonly vendorInfo: Uint8Array;
  readonly banks: readonly BankName[];
  readonly events: readonly NewEvent[];
};

/** The counterpart of parseEventLog. Equal to encodeSpecIdEvent and each encodeEvent, one after another. */
export function encodeEventLog({ vendorInfo, banks, events }: NewEventLog): Uint8Array {
  const writer = new Writer('little').bytes(encodeSpecIdEvent({ vendorInfo, banks }));
  for (const event of events) writer.bytes(encodeEvent(event, banks));
  return writer.finish();
}
