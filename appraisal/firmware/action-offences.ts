import { type BelievedEvent, ofKind } from './believed-events.ts';
import { eventOffence, type Offence } from './offence.ts';

export const RETURNING = 'Returning from EFI Application from Boot Option';

/** What the firmware says of itself in words: TCG PC Client PFP, 3.3.4.8 and 8.2.3. */
export function actionOffences(events: readonly BelievedEvent[]): Offence[] {
  return ofKind(events, 'action').flatMap(({ event, meaning: { text: name } }): Offence[] => {
    switch (name) {
      case 'UEFI Debug Mode':
        return [eventOffence('FIRMWARE_DEBUG_MODE', event, { name })];
      case 'DMA Protection Disabled': {
        const details = { name, effect: 'warn' } as const;
        const quirk = 'DMA_PROTECTION_DISABLED';
        return [eventOffence('DMA_PROTECTION_DISABLED', event, details, quirk)];
      }
      case RETURNING:
        return [eventOffence('BOOT_ENTRY_FAILED', event, { name, effect: 'observe' })];
      default:
        return [];
    }
  });
}
