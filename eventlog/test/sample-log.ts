import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { type BankName, hash, Writer } from '@touchstone/tpm';
import {
  type CryptoAgileLog,
  encodeEvent,
  encodeSpecIdEvent,
  type NewEvent,
  parseEventLog,
} from '../index.ts';

const SHA256_ONLY: readonly BankName[] = ['sha256'];
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
  versionMajor = 2,
): Uint8Array {
  const event = new Writer('little').bytes(ascii('Spec ID Event03\0')).u32(0);
  event.u8(0).u8(versionMajor).u8(0).u8(2).u32(count);
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

/** Read, and crypto-agile. */
export function agileLog(bytes: Uint8Array): CryptoAgileLog {
  const log = parseEventLog(bytes);
  assert.equal(log.format, 'crypto-agile');
  return log;
}

/** A SHA-1-only log of these events. */
export function legacyLogOf(
  events: readonly NewEvent[],
  after: Uint8Array = new Uint8Array(),
): Uint8Array {
  const writer = new Writer('little');
  for (const { pcr, type, data } of events) {
    writer.u32(pcr).u32(type).bytes(hash('sha1', data)).u32(data.length).bytes(data);
  }
  return writer.bytes(after).finish();
}

/** A log of a confidential VM: as a TPM's, but that its Spec ID event is in register 1. */
export function ccLogOf(events: readonly NewEvent[], after?: Uint8Array): Uint8Array {
  const log = Uint8Array.from(logOf(events, ['sha384'], after));
  log[0] = 1;
  return log;
}
