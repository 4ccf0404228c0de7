import { EVENT_TYPE_NAMES, type LogEvent } from '@touchstone/eventlog';
import type { QuirkName } from '../quirks.ts';
import { LAST_FIRMWARE_PCR, type Phase, type Place, placeOf } from './event-places.ts';
import { eventOffence, type Offence, offence } from './offence.ts';
import { type SeparatorValue, separatorValue } from './separators.ts';

/**
 * The order that the profile gives a boot (TCG PC Client PFP, 3.3 and 10.4.1), over the events that extend a PCR. No
 * offence means:
 * - each of PCR 0 to 7 has exactly one separator, of a valid value, and nothing else that looks like one;
 * - before it come only events of the types that the firmware measures there, after it only those of booting;
 * - nothing is measured above PCR 7 until all eight have theirs, and there only what loaders and systems measure;
 * - every type is one that a specification names.
 *
 * An event's type is covered by no digest. Held together with a baseline that speaks of type, PCR and digest, an event
 * that was given another type is in a place where that type may not be, or is explained by nothing.
 */
export function phaseOffences(events: readonly LogEvent[]): Offence[] {
  const separators = new Map<number, LogEvent>();
  const isSeparator = ({ pcr, claimedTypeName: type }: LogEvent) =>
    type === 'EV_SEPARATOR' && pcr <= LAST_FIRMWARE_PCR;
  const closing = new Set(events.filter(isSeparator).map(({ pcr }) => pcr));
  const offences: Offence[] = [];
  for (const event of events) {
    const { pcr } = event;
    if (!event.extends) continue;
    if (isSeparator(event)) {
      offences.push(...separatorOffences(event, separators.get(pcr)));
      separators.set(pcr, separators.get(pcr) ?? event);
      closing.delete(pcr);
    } else if (pcr > LAST_FIRMWARE_PCR) {
      // Where a separator never comes, that is said of its PCR, and begins nothing too early.
      offences.push(...systemOffences(event, closing));
    } else {
      offences.push(...firmwareOffences(event, separators.has(pcr) ? 'after' : 'before'));
    }
  }
  return [...offences, ...absentSeparators(separators)];
}

function separatorOffences(event: LogEvent, earlier: LogEvent | undefined): Offence[] {
  const offences: Offence[] = [];
  const value = separatorValue(event);
  if (value === 'error') {
    offences.push(eventOffence('LOG_SEPARATOR_ERROR', event, { actual: '0x00000001' }));
  } else if (value === 'windows' || value === 'other') {
    const details = { expected: '0x00000000 or 0xffffffff', actual: 'another value' };
    offences.push(eventOffence('LOG_SEPARATOR_VALUE', event, details, 'SKIBOOT'));
  }
  if (earlier !== undefined) {
    const details = { expected: 'one', actual: `one before, event ${earlier.index}` };
    offences.push(eventOffence('LOG_SEPARATOR_REPEATED', event, details));
  }
  return offences;
}

function systemOffences(event: LogEvent, closing: ReadonlySet<number>): Offence[] {
  const offences = misplaced(event, 'after');
  if (closing.size > 0) {
    const actual = `PCR ${[...closing].toSorted((a, b) => a - b).join(', ')} had no separator yet`;
    offences.push(eventOffence('LOG_PRE_OS_EVENT', event, { actual }));
  }
  if (event.claimedTypeName === 'EV_SEPARATOR' && separatorValue(event) !== 'windows') {
    const details = { expected: '"WBCL"', actual: 'another value' };
    offences.push(eventOffence('LOG_SEPARATOR_VALUE', event, details, 'SKIBOOT'));
  }
  return offences;
}

function firmwareOffences(event: LogEvent, phase: Phase): Offence[] {
  const offences = misplaced(event, phase);
  // Zeros are what a counterfeit phase would be made of, and an error's value is no other event's.
  const value = separatorValue(event);
  if (value === 'zero' || value === 'ones' || value === 'error') {
    const details = { expected: 'EV_SEPARATOR', actual: event.claimedTypeName };
    offences.push(
      eventOffence('LOG_SEPARATOR_RETYPED', event, details, otherThanSeparator(event, value)),
    );
  }
  return offences;
}

function otherThanSeparator(
  { pcr, claimedTypeName: type }: LogEvent,
  value: SeparatorValue,
): QuirkName | undefined {
  if (type === 'EV_ACTION' && value === 'ones') return 'SKIBOOT';
  return pcr === LAST_FIRMWARE_PCR ? undefined : 'SEPARATOR_VALUE_OF_OTHER_EVENT';
}

function misplaced(event: LogEvent, phase: Phase): Offence[] {
  const { pcr, claimedType, claimedTypeName: type } = event;
  const place = placeIn(event, phase);
  if (place === 'allowed') return [];
  const known = EVENT_TYPE_NAMES.has(claimedType) ? '' : ', which no specification names';
  const side = pcr > LAST_FIRMWARE_PCR ? '' : ` ${phase} its separator`;
  const details = {
    expected: `only what is measured into PCR ${pcr}${side}`,
    actual: `${type}${known}`,
  };
  const quirk = place === 'refused' ? undefined : place;
  return [eventOffence('LOG_UNEXPECTED_TYPE', event, details, quirk)];
}

function placeIn({ pcr, claimedType, claimedTypeName }: LogEvent, phase: Phase): Place {
  if (EVENT_TYPE_NAMES.has(claimedType)) return placeOf(claimedTypeName, pcr, phase);
  return pcr < LAST_FIRMWARE_PCR ? 'VENDOR_EVENT_TYPE' : 'refused';
}

function absentSeparators(separators: ReadonlyMap<number, LogEvent>): Offence[] {
  const absent = FIRMWARE_PCRS.filter((pcr) => !separators.has(pcr));
  return absent.map((pcr) => {
    const details = { subject: `PCR ${pcr}`, expected: 'one EV_SEPARATOR', actual: 'none' };
    return offence('LOG_SEPARATOR_MISSING', details, 'SEPARATOR_ABSENT');
  });
}

const FIRMWARE_PCRS = [0, 1, 2, 3, 4, 5, 6, 7];
