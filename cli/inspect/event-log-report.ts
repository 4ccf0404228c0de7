import {
  type CcEvent,
  type CcEventLog,
  type EventLog,
  type LogEvent,
  parseCcEventLog,
  parseEventLog,
  replayCcEventLog,
  replayEventLog,
} from '@touchstone/eventlog';
import type { Finding } from '@touchstone/schemas';
import { type BankName, ParseError } from '@touchstone/tpm';
import { ccLogFindings, eventLogFindings } from './event-log-findings.ts';
import { type ReportedMeaning, reportedMeaning } from './event-meaning-report.ts';

/** What `touchstone inspect eventlog --json` prints: names and forms are an interface. */
export type EventLogReport = {
  readonly format: EventLog['format'];
  /** The Spec ID event of a crypto-agile log is the first; an end marker is none. */
  readonly events: readonly ReportedEvent[];
  /** The values that the log leads to, of the PCRs that an event extended. */
  readonly pcrs: Readonly<Partial<Record<BankName, Readonly<Record<string, string>>>>>;
  readonly findings: readonly Finding[];
};

export type ReportedEvent = {
  readonly index: number;
  readonly offset: number;
  /** Of a confidential VM's log: the measurement register. */
  readonly pcr: number;
  readonly type: number;
  readonly typeName: string;
  readonly digests: Readonly<Partial<Record<BankName, string>>>;
  readonly dataLength: number;
  readonly meaning: ReportedMeaning;
};

/**
 * A log by itself, without a quote: it says what somebody wrote, not what was booted.
 *
 * @throws ParseError
 */
export function reportEventLog(bytes: Uint8Array): EventLogReport {
  const log = parseLog(bytes);
  if (log.format === 'cc') {
    const replay = replayCcEventLog(log);
    return {
      // Its layout: what it is about is told by the finding LOG_OF_CC_REGISTERS.
      format: 'crypto-agile',
      events: [log.header, ...log.events].map((event) => reported(event, event.register)),
      pcrs: hexByBank([...replay].map(([bank, { values }]) => [bank, values])),
      findings: ccLogFindings(log, replay),
    };
  }
  const replay = replayEventLog(log);
  const events = log.format === 'crypto-agile' ? [log.header, ...log.events] : log.events;
  return {
    format: log.format,
    events: events.map((event) => reported(event, event.pcr)),
    pcrs: hexByBank([...replay.banks]),
    findings: eventLogFindings(log, replay),
  };
}

/** To look at a log is no reason to refuse a kind that proves nothing about this host's TPM. */
function parseLog(bytes: Uint8Array): EventLog | CcEventLog {
  try {
    return parseEventLog(bytes);
  } catch (error) {
    const isOfCc = error instanceof ParseError && error.code === 'LOG_OF_CC_REGISTERS';
    if (isOfCc) return parseCcEventLog(bytes);
    throw error;
  }
}

const reported = (event: LogEvent | CcEvent, pcr: number): ReportedEvent => ({
  index: event.index,
  offset: event.offset,
  pcr,
  type: event.claimedType,
  typeName: event.claimedTypeName,
  digests: Object.fromEntries(event.digests.map(({ bank, digest }) => [bank, hex(digest)])),
  dataLength: event.data.length,
  meaning: reportedMeaning(event),
});

const hexByBank = (
  banks: readonly (readonly [BankName, ReadonlyMap<number, Uint8Array>])[],
): EventLogReport['pcrs'] =>
  Object.fromEntries(
    banks.map(([bank, values]) => [
      bank,
      Object.fromEntries([...values].map(([pcr, value]) => [pcr, hex(value)])),
    ]),
  );

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
