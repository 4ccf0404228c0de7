import { finding, type FindingDetails, findingFrom } from '@touchstone/appraisal';
import {
  type BankReplay,
  type CcEventLog,
  dataCoverage,
  digestCoversData,
  type EventLog,
  EVENTLOG_CODES,
  type EventLogCode,
  type LogEvent,
  type Replay,
} from '@touchstone/eventlog';
import type { Finding } from '@touchstone/schemas';
import type { BankName } from '@touchstone/tpm';

/** What speaks against a log of PCRs by itself. A quote may speak against it besides. */
export function eventLogFindings(log: EventLog, replay: Replay): Finding[] {
  // TCG 1.2's types have other rules for their digests, and SHA-1 makes nothing credible.
  if (log.format === 'legacy-sha1') {
    return [finding('LOG_LEGACY', { subject: 'event log' }), ...localityFindings(log, replay)];
  }
  const lacking = replay.incompleteBanks.filter(
    ({ pcr }) => pcr !== 0 || replay.problems.length === 0,
  );
  const banks = Map.groupBy(lacking, ({ bank }) => bank);
  return [
    ...localityFindings(log, replay),
    ...[...banks].map(([bank, entries]) =>
      incomplete(
        bank,
        'PCR',
        entries.map(({ pcr, index }) => [pcr, index]),
      ),
    ),
    ...dataFindings(
      'PCR',
      Map.groupBy(log.events, ({ pcr }) => pcr),
    ),
  ];
}

/** The same of a log of a confidential VM, and that it is one. */
export function ccLogFindings(
  log: CcEventLog,
  replay: ReadonlyMap<BankName, BankReplay>,
): Finding[] {
  return [
    ofEventLog('LOG_OF_CC_REGISTERS', {
      subject: 'event log',
      expected: 'a log of PCRs',
      actual: 'what is called a PCR here is a measurement register of a confidential VM',
    }),
    ...[...replay]
      .filter(([, { incomplete: lacking }]) => lacking.size > 0)
      .map(([bank, { incomplete: lacking }]) => incomplete(bank, 'register', [...lacking])),
    ...dataFindings(
      'register',
      Map.groupBy(log.events, ({ register }) => register),
    ),
  ];
}

/** One for all: the first contradiction makes PCR 0 what it is not, and the others change nothing. */
function localityFindings({ events }: EventLog, { problems }: Replay): Finding[] {
  const [first, ...more] = problems;
  if (first === undefined) return [];
  const event = events.find(({ index }) => index === first.index);
  return [
    ofEventLog('STARTUP_LOCALITY', {
      subject: `event ${first.index}, and so PCR 0`,
      actual: `${first.detail}${andMore(more.length)}`,
      event: event && { index: event.index, pcr: event.pcr, type: event.claimedTypeName },
    }),
  ];
}

function incomplete(
  bank: BankName,
  what: 'PCR' | 'register',
  entries: readonly (readonly [number: number, index: number])[],
): Finding {
  const numbers = entries.map(([number]) => number).toSorted((a, b) => a - b);
  const first = Math.min(...entries.map(([, index]) => index));
  const actual = `no digest for ${what} ${numbers.join(', ')}, first at event ${first}`;
  return finding('LOG_BANK_INCOMPLETE', { subject: `bank ${bank}`, actual });
}

/** One a PCR, from the first event whose data was changed. */
function dataFindings(
  what: 'PCR' | 'register',
  groups: ReadonlyMap<number, readonly Omit<LogEvent, 'pcr'>[]>,
): Finding[] {
  return [...groups].flatMap(([number, events]) => {
    const [first, ...more] = events.filter(isContradicted);
    if (first === undefined) return [];
    const { index, claimedTypeName: type } = first;
    const actual = `the data of event ${index} hashes to something else${andMore(more.length)}`;
    const subject = `${what} ${number}`;
    const event = what === 'PCR' ? { index, pcr: number, type } : undefined;
    return [ofEventLog('EVENT_DATA_MISMATCH', { subject, actual, event })];
  });
}

const isContradicted = (event: Omit<LogEvent, 'pcr'>): boolean =>
  event.extends &&
  event.digests.length > 0 &&
  dataCoverage(event.claimedType) === 'always' &&
  !digestCoversData(event);

const andMore = (count: number): string => (count === 0 ? '' : `, and ${count} more`);

const ofEventLog = (code: EventLogCode, details: FindingDetails): Finding =>
  findingFrom(code, { ...EVENTLOG_CODES[code], actor: 'host-administrator' }, details);
