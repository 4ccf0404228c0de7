import { Buffer } from 'node:buffer';
import { type BankName, Writer } from '@touchstone/tpm';
import { encodeEvent, encodeSpecIdEvent, type NewEvent } from '../index.ts';

export const SHA256_ONLY: readonly BankName[] = ['sha256'];
export const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A log in one bank of these events, whole or with bytes after it. */
export function logOf(
  events: readonly NewEvent[],
  banks: readonly BankName[] = SHA256_ONLY,
  after: Uint8Array = new Uint8Array(),
): Uint8Array {
  const spec = encodeSpecIdEvent({ vendorInfo: new Uint8Array(), banks });
  return Buffer.concat([spec, ...events.map((event) => encodeEvent(event, banks)), after]);
}

/** A Spec ID event that declares anything, and what follows it. */
export function logDeclaring(
  algorithms: readonly (readonly [alg: number, size: number])[],
  after: Uint8Array = new Uint8Array(),
  count: number = algorithms.length,
): Uint8Array {
  const event = new Writer('little').bytes(ascii('Spec ID Event03\0')).u32(0);
  event.u8(0).u8(2).u8(0).u8(2).u32(count);
  for (const [alg, size] of algorithms) event.u16(alg).u16(size);
  const data = event.u8(0).finish();
  return new Writer('little')
    .u32(0)
    .u32(3)
    .bytes(new Uint8Array(20))
    .u32(data.length)
    .bytes(data)
    .bytes(after)
    .finish();
}

/** An event whose header says what it is told to, true or not. */
export function eventSaying(said: {
  readonly pcr?: number;
  readonly type?: number;
  readonly digests?: readonly (readonly [alg: number, digest: Uint8Array])[];
  readonly count?: number;
  readonly size?: number;
  readonly data?: Uint8Array;
}): Uint8Array {
  const { pcr = 1, type = 5, digests = [], data = new Uint8Array() } = said;
  const writer = new Writer('little')
    .u32(pcr)
    .u32(type)
    .u32(said.count ?? digests.length);
  for (const [alg, digest] of digests) writer.u16(alg).bytes(digest);
  return writer
    .u32(said.size ?? data.length)
    .bytes(data)
    .finish();
}
