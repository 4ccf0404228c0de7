import { type BankName, ParseError } from '@touchstone/tpm';
import { checkSize, EVENTLOG_LIMITS, type EventLogLimits } from './limits.ts';
import { type LogBody, readBody } from './log-body.ts';
import { type LogEvent, readLogEvent, SMALLEST_EVENT } from './log-event.ts';
import { readHeader } from './log-header.ts';
import { type BankReplay, replayBank } from './replay-bank.ts';
import { banksOf, readSpecId, type SpecId } from './spec-id.ts';

/** CC_EVENT: UEFI 2.10, 38.2.3. As a LogEvent, but of a measurement register (mrIndex) and no PCR. */
export type CcEvent = Omit<LogEvent, 'pcr'> & { readonly register: number };

/**
 * The log of a confidential VM (CCEL): UEFI 2.10, 38.4.1. Register 0 is the launch measurement (TDX:
 * MRTD), 1 to 4 are those that run time extends (TDX: RTMR 0 to 3). No TPM quote speaks of them, and
 * so this is a type of its own that nothing made for PCRs takes.
 */
export type CcEventLog = Omit<LogBody, 'events'> & {
  readonly format: 'cc';
  /** The Spec ID event itself, number 0, which is none of `events`. */
  readonly header: CcEvent;
  readonly specId: SpecId;
  readonly events: readonly CcEvent[];
};

const LAST_REGISTER = 4;

/**
 * Reads a whole log of a confidential VM; one of a TPM is refused, LOG_FORMAT_UNKNOWN. Bounds and
 * failures are those of parseEventLog.
 */
export function parseCcEventLog(
  bytes: Uint8Array,
  limits: Partial<EventLogLimits> = {},
): CcEventLog {
  const { maxEvents, maxAlgorithms, maxBytes } = { ...EVENTLOG_LIMITS, ...limits };
  checkSize(bytes, { maxBytes });
  const { kind, header, reader } = readHeader(bytes);
  if (kind !== 'cc') throw new ParseError('LOG_FORMAT_UNKNOWN', 'events[0].mrIndex', 0);
  const specId = readSpecId(bytes, header, maxAlgorithms);
  const { events, paddingBytes } = readBody(reader, bytes, {
    firstIndex: 1,
    maxEvents,
    smallest: SMALLEST_EVENT,
    read: (from, index) => readLogEvent(from, index, specId.algorithms),
  });
  return {
    format: 'cc',
    header: inRegister(header),
    specId,
    events: events.map(inRegister),
    paddingBytes,
  };
}

function inRegister({ pcr: register, ...event }: LogEvent): CcEvent {
  if (register > LAST_REGISTER) {
    const field = `events[${event.index}].mrIndex`;
    throw new ParseError('CC_REGISTER_INDEX', field, event.offset, `${register}`);
  }
  return { ...event, register };
}

/** The values that a log leads to, by bank and register: all start at zeros. */
export function replayCcEventLog(log: CcEventLog): ReadonlyMap<BankName, BankReplay> {
  const steps = log.events
    .filter((event) => event.extends)
    .map(({ index, register, digests }) => ({ index, register, digests }));
  return new Map(banksOf(log.specId).map((bank) => [bank, replayBank(bank, steps)]));
}
