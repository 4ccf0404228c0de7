import {
  type CryptoAgileLog,
  dataCoverage,
  digestCoversData,
  type EventLog,
  findStartupLocality,
  type LogEvent,
  readMeaning,
} from '@touchstone/eventlog';
import { isProved } from './believed-events.ts';
import { eventOffence, type Offence, offence } from './offence.ts';
import { phaseOffences } from './phase-machine.ts';

/** Whether a log is one that a firmware of the profile writes: its order, its digests, its end. */
export function grammarOffences(log: CryptoAgileLog): Offence[] {
  return [
    ...localityOffences(log),
    ...phaseOffences(log.events),
    ...log.events.filter(isChanged).map((event) => eventOffence('EVENT_DATA_MISMATCH', event, {})),
    ...exitOffences(log),
  ];
}

/**
 * Its type says that the digest is of the data, and it is not. Of what vouched for a program the digest is not always of all
 * of the data, and yet tells what it was: an authority that is not told is hidden.
 */
function isChanged(event: LogEvent): boolean {
  if (!event.extends) return false;
  if (event.claimedTypeName === 'EV_EFI_VARIABLE_AUTHORITY') return !isProved(readMeaning(event));
  return dataCoverage(event.claimedType) === 'always' && !digestCoversData(event);
}

function localityOffences(log: CryptoAgileLog): Offence[] {
  return findStartupLocality(log.events).problems.map(({ index, detail: actual }) =>
    offence('LOG_STARTUP_LOCALITY', { subject: `event ${index}`, actual }),
  );
}

/** PCR 5, once the loader has what it wants of the firmware: TCG PC Client PFP, 8.2.4. */
export const EXIT_BOOT_SERVICES = [
  'Exit Boot Services Invocation',
  'Exit Boot Services Returned with Success',
] as const;

export function saysExitBootServices(log: Pick<EventLog, 'events'>): boolean {
  return log.events.some(
    (event) =>
      event.pcr === 5 &&
      event.claimedTypeName === 'EV_EFI_ACTION' &&
      textOf(event) === EXIT_BOOT_SERVICES[1] &&
      digestCoversData(event),
  );
}

function exitOffences(log: CryptoAgileLog): Offence[] {
  if (saysExitBootServices(log)) return [];
  const details = { subject: 'PCR 5', expected: `"${EXIT_BOOT_SERVICES[1]}"`, actual: 'nothing' };
  return [offence('EXIT_BOOT_SERVICES_ABSENT', details, 'EXIT_BOOT_SERVICES_NOT_LOGGED')];
}

const textOf = ({ data }: LogEvent): string => Buffer.from(data).toString('latin1');
