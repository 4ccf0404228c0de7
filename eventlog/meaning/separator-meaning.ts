import type { EventMeaning, Meaning } from './event-meaning.ts';
import type { MeasuredEvent } from './place.ts';
import { basisOf, isHashOf } from './prove.ts';

type Value = Extract<Meaning, { kind: 'separator' }>['value'];

const ERROR_MARK = Uint8Array.of(1, 0, 0, 0);
const VALUES: readonly (readonly [bytes: Uint8Array, value: Value])[] = [
  [Uint8Array.of(0, 0, 0, 0), 'zero'],
  [Uint8Array.of(0xff, 0xff, 0xff, 0xff), 'ones'],
  [ERROR_MARK, 'error'],
];

/**
 * EV_SEPARATOR: TCG PC Client PFP, 10.4.1. One whose digest is that of 0x00000001 says that firmware failed,
 * whatever its data. One whose digest is not of its data is no sign of success: its value is `other`.
 */
export function separatorMeaning(event: MeasuredEvent): EventMeaning {
  if (event.extends && isHashOf(event, ERROR_MARK)) {
    return { basis: 'part', part: 'error-mark', kind: 'separator', value: 'error' };
  }
  const basis = basisOf(event);
  const found = VALUES.find(([bytes]) => Buffer.compare(bytes, event.data) === 0);
  const value = basis.basis === 'data' && found !== undefined ? found[1] : 'other';
  return { ...basis, kind: 'separator', value };
}
