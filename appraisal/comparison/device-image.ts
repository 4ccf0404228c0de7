import { type ImageMeaning, type LogEvent, readMeaning } from '@touchstone/eventlog';
import type { StrongBank } from '../strong-bank.ts';
import { digestIn } from './rule-index.ts';

/** Where the programs of devices are measured, option ROMs above all: PC Client PFP, 3.3.4.3. */
const DEVICE_PCR = 2;

/** Which program of a device was started, as far as that is told; undefined for an event of another kind. */
export function describeDeviceImage(event: LogEvent, bank: StrongBank): string | undefined {
  const meaning = event.pcr === DEVICE_PCR ? readMeaning(event) : undefined;
  if (meaning?.kind !== 'image') return undefined;
  return `Authenticode ${bank} ${digestIn(event, bank) ?? 'none'}${unverifiedPath(meaning)}`;
}

/** Nothing proves a device path. */
export const unverifiedPath = ({ devicePath }: ImageMeaning): string =>
  devicePath === '' ? '' : `; by the log, unverified: ${devicePath}`;
