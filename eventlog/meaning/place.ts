import type { CcEvent } from '../cc-event-log.ts';
import type { LogEvent } from '../log-event.ts';
import { LABEL } from './prove.ts';
import type { MeaningBasis } from './event-meaning.ts';

/** An event of either kind of log, and the PCRs that it may be of. */
export type MeasuredEvent = Omit<LogEvent, 'pcr'> & { readonly places: readonly number[] };

/** PCRs by measurement register of a confidential VM: UEFI 2.10, 38.4.1. */
const OF_REGISTER: readonly (readonly number[])[] = [
  [0],
  [1, 7],
  [2, 3, 4, 5, 6],
  [8, 9, 10, 11, 12, 13, 14, 15],
  [],
];

export const placed = (event: LogEvent | CcEvent): MeasuredEvent => ({
  ...event,
  places: 'pcr' in event ? [event.pcr] : (OF_REGISTER[event.register] ?? []),
});

/**
 * What is measured into another PCR than its kind is measured into was measured by somebody else: GRUB puts the
 * bytes of any file into PCR 9, and a log may call them a variable. Such an event proves nothing.
 */
export const inPlace = (
  { places }: MeasuredEvent,
  belongs: readonly number[],
  basis: MeaningBasis,
): MeaningBasis => (places.some((place) => belongs.includes(place)) ? basis : LABEL);
