import { type BankName, ParseError, Reader, Writer } from '@touchstone/tpm';
import { readLegacyEvent, SMALLEST_LEGACY_EVENT } from './legacy-event.ts';
import { checkSize, EVENTLOG_LIMITS, type EventLogLimits } from './limits.ts';
import { type LogBody, readBody } from './log-body.ts';
import {
  encodeEvent,
  type LogEvent,
  type NewEvent,
  NO_PCR,
  readLogEvent,
  SMALLEST_EVENT,
} from './log-event.ts';
import { readHeader } from './log-header.ts';
import { encodeSpecIdEvent, readSpecId, type SpecId } from './spec-id.ts';

/** A log of digests in as many banks as its header declares: TCG PC Client PFP, 10.2. */
export type CryptoAgileLog = LogBody & {
  readonly format: 'crypto-agile';
  /** The Spec ID event itself, number 0, which is none of `events`. */
  readonly header: LogEvent;
  readonly specId: SpecId;
  /**
   * The events of no PCR (EV_NO_ACTION of 0xFFFFFFFF) after the last that has one: Windows ends its logs
   * with one, which holds a quote of its own. They extend nothing, and are none of `events`.
   */
  readonly endMarkers: readonly LogEvent[];
};

/**
 * A log of SHA-1 digests alone, as TCG 1.2's profiles have it: TCG PC Client PFP, 10.2.1. It can be read
 * and replayed, and proves nothing: SHA-1 has collisions. Its events count from 0, and an end marker is
 * one of them.
 */
export type LegacyLog = LogBody & { readonly format: 'legacy-sha1' };

/** A log of events that extended PCRs. Its byte strings are views on the input. */
export type EventLog = CryptoAgileLog | LegacyLog;

/**
 * Reads a whole log of a TPM. Nothing of it is believed by this: replay it, and hold the outcome
 * against a quote. A confidential VM's log is another thing and refused, LOG_OF_CC_REGISTERS:
 * parseCcEventLog reads those.
 *
 * Throws ParseError with a code of EVENTLOG_CODES, or TRUNCATED or TRAILING_BYTES. Time and memory
 * are linear in the input, whatever its length fields say.
 */
export function parseEventLog(bytes: Uint8Array, limits: Partial<EventLogLimits> = {}): EventLog {
  const bounds = { ...EVENTLOG_LIMITS, ...limits };
  checkSize(bytes, bounds);
  const { kind, header, reader } = readHeader(bytes);
  switch (kind) {
    case 'cc':
      throw new ParseError('LOG_OF_CC_REGISTERS', 'events[0].pcrIndex', 0);
    case 'legacy-sha1':
      return parseLegacyLog(bytes, bounds);
    case 'crypto-agile': {
      const specId = readSpecId(bytes, header, bounds.maxAlgorithms);
      const { events, paddingBytes } = readBody(reader, bytes, {
        firstIndex: 1,
        maxEvents: bounds.maxEvents,
        smallest: SMALLEST_EVENT,
        read: (from, index) => readLogEvent(from, index, specId.algorithms),
      });
      return { format: 'crypto-agile', header, specId, ...withoutEndMarkers(events), paddingBytes };
    }
  }
}

function withoutEndMarkers(
  all: readonly LogEvent[],
): Pick<CryptoAgileLog, 'events' | 'endMarkers'> {
  const end = all.findLastIndex(({ pcr }) => pcr !== NO_PCR) + 1;
  return { events: all.slice(0, end), endMarkers: all.slice(end) };
}

function parseLegacyLog(bytes: Uint8Array, { maxEvents }: EventLogLimits): LegacyLog {
  const body = readBody(new Reader(bytes, 'little'), bytes, {
    firstIndex: 0,
    maxEvents,
    smallest: SMALLEST_LEGACY_EVENT,
    read: readLegacyEvent,
  });
  // Zeros throughout begin as an event does, and are no log.
  if (body.events.length === 0) throw new ParseError('LOG_FORMAT_UNKNOWN', 'events', 0);
  return { format: 'legacy-sha1', ...body };
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
