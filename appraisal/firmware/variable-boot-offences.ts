import { type LogEvent, readMeaning } from '@touchstone/eventlog';
import { eventOffence, type Offence } from './offence.ts';

/**
 * How boot variables are measured. The digest of an EV_EFI_VARIABLE_BOOT is of the variable's value, that of an
 * EV_EFI_VARIABLE_BOOT2 of the whole structure (TCG PC Client PFP, 10.4.1); older firmware has the first of the whole.
 */
export function variableBootOffences(events: readonly LogEvent[]): Offence[] {
  return events.flatMap((event): Offence[] => {
    if (event.claimedTypeName !== 'EV_EFI_VARIABLE_BOOT') return [];
    const meaning = readMeaning(event);
    const expected = "the hash of the variable's value";
    switch (meaning.basis) {
      case 'part':
        return [];
      case 'data': {
        const details = { expected, actual: 'of its whole structure' };
        const quirk = 'VARIABLE_BOOT_DIGEST_OVER_STRUCTURE';
        return [eventOffence('VARIABLE_BOOT_DIGEST', event, details, quirk)];
      }
      case 'label': {
        const details = { expected, actual: 'of neither its value nor its structure' };
        const quirk = 'VARIABLE_BOOT_DATA_UNRELATED';
        return [eventOffence('VARIABLE_BOOT_DIGEST', event, details, quirk)];
      }
    }
  });
}
