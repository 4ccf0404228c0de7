import { CustodyError } from './custody-error.ts';
import type { CustodyKey } from './custody.ts';
import { isLabel } from './custody.ts';

/** Who asks twice at once under one label gets one key. @throws CustodyError ISSUANCE_REFUSED for what is no label */
export function makeOneAtATime(
  make: (label: string) => Promise<CustodyKey>,
): (label: string) => Promise<CustodyKey> {
  let making: Promise<unknown> = Promise.resolve();
  return (label) => {
    if (!isLabel(label)) return Promise.reject(new CustodyError('ISSUANCE_REFUSED', 'label'));
    const made = making.then(() => make(label));
    making = made.catch(() => {});
    return made;
  };
}
