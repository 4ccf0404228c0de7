import { type BankName, bankAlgorithm, hashAlgorithm, hashOfBank } from '@touchstone/tpm';
import { ParseError, type Reader, Writer } from '@touchstone/tpm';
import { EV_NO_ACTION, EVENT_TYPE_NAMES } from './event-types.ts';

export type DeclaredAlgorithm = {
  /** Null for an algorithm that is not known here: its digests are skipped by their declared size. */
  readonly bank: BankName | null;
  readonly alg: number;
  /** Bytes. */
  readonly size: number;
};

/** TCG_EfiSpecIDEvent: TCG PC Client PFP, 10.4.5.1. No digest covers any of it. */
export type SpecId = {
  readonly platformClass: number;
  readonly specVersionMajor: number;
  readonly specVersionMinor: number;
  readonly specErrata: number;
  readonly uintnSize: number;
  readonly algorithms: readonly DeclaredAlgorithm[];
  readonly vendorInfo: Uint8Array;
};

const SIGNATURE_SIZE = 16;
const SIGNATURE = 'Spec ID Event03\0';
/** TCG 1.2's two headers; what follows them is the SHA-1-only format. */
const LEGACY_SIGNATURES = ['Spec ID Event00\0', 'Spec ID Event02\0'];
const SHA1_SIZE = 20;
/** No hash in the Algorithm Registry is longer than 64 bytes; twice that still bounds a lie. */
const MAX_DIGEST_SIZE = 128;
const LAST_PCR = 23;

/**
 * The first event of a crypto-agile log, which alone is in the SHA-1 layout (TCG_PCClientPCREvent).
 * Throws LOG_LEGACY where the log goes on in that layout too.
 */
export function readSpecIdEvent(reader: Reader, maxAlgorithms: number): SpecId {
  const start = reader.offset;
  const pcrIndex = reader.u32('SpecId.pcrIndex');
  const eventType = reader.u32('SpecId.eventType');
  // Zeros by the profile, and not so in a real log: nothing depends on them.
  reader.bytes(SHA1_SIZE, 'SpecId.digest');
  if (pcrIndex > LAST_PCR || !EVENT_TYPE_NAMES.has(eventType)) {
    throw new ParseError('LOG_FORMAT_UNKNOWN', 'SpecId.eventType', start);
  }
  const event = reader.window(reader.u32('SpecId.eventDataSize'), 'SpecId.event');
  const signature =
    event.remaining < SIGNATURE_SIZE
      ? ''
      : Buffer.from(event.bytes(SIGNATURE_SIZE, 'SpecId.signature')).toString('latin1');
  const isNoAction = eventType === EV_NO_ACTION;
  if (!isNoAction || signature !== SIGNATURE) {
    throw new ParseError('LOG_LEGACY', 'SpecId.signature', start, legacyDetail(signature));
  }
  // A confidential-computing log has the same layout, indexes other registers, and begins in number 1.
  if (pcrIndex !== 0) throw new ParseError('LOG_FORMAT_UNKNOWN', 'SpecId.pcrIndex', start);
  return readSpecId(event, maxAlgorithms);
}

const legacyDetail = (signature: string): string =>
  LEGACY_SIGNATURES.includes(signature) ? 'a TCG 1.2 Spec ID' : 'no Spec ID';

function readSpecId(event: Reader, maxAlgorithms: number): SpecId {
  const platformClass = event.u32('SpecId.platformClass');
  const specVersionMinor = event.u8('SpecId.specVersionMinor');
  const specVersionMajor = event.u8('SpecId.specVersionMajor');
  const specErrata = event.u8('SpecId.specErrata');
  const uintnSize = event.u8('SpecId.uintnSize');
  const algorithms = readAlgorithms(event, maxAlgorithms);
  const vendorInfo = event.bytes(event.u8('SpecId.vendorInfoSize'), 'SpecId.vendorInfo');
  event.end('SpecId');
  return {
    platformClass,
    specVersionMajor,
    specVersionMinor,
    specErrata,
    uintnSize,
    algorithms,
    vendorInfo,
  };
}

function readAlgorithms(event: Reader, maxAlgorithms: number): DeclaredAlgorithm[] {
  const start = event.offset;
  const count = event.u32('SpecId.numberOfAlgorithms');
  if (count === 0 || count > maxAlgorithms) {
    throw new ParseError('SPEC_ID_ALGORITHMS', 'SpecId.numberOfAlgorithms', start, `${count}`);
  }
  const algorithms: DeclaredAlgorithm[] = [];
  for (let i = 0; i < count; i++) {
    const field = `SpecId.digestSizes[${i}]`;
    const { offset } = event;
    const alg = event.u16(`${field}.algorithmId`);
    const size = event.u16(`${field}.digestSize`);
    if (algorithms.some((other) => other.alg === alg)) {
      throw new ParseError('SPEC_ID_ALGORITHMS', field, offset, `0x${alg.toString(16)} twice`);
    }
    const bank = bankOf(alg);
    const wrong = bank ? size !== hashOfBank(bank).size : size === 0 || size > MAX_DIGEST_SIZE;
    if (wrong) throw new ParseError('SPEC_ID_DIGEST_SIZE', field, offset, `${size} bytes`);
    algorithms.push({ bank, alg, size });
  }
  return algorithms;
}

function bankOf(alg: number): BankName | null {
  try {
    return hashAlgorithm(alg).name;
  } catch (error) {
    if (error instanceof ParseError && error.code === 'UNKNOWN_ALGORITHM') return null;
    throw error;
  }
}

/** The event that begins a crypto-agile log: version 2.0, errata 2, 64-bit. */
export function encodeSpecIdEvent(spec: {
  readonly vendorInfo: Uint8Array;
  readonly banks: readonly BankName[];
}): Uint8Array {
  if (spec.banks.length === 0 || new Set(spec.banks).size !== spec.banks.length) {
    throw new RangeError('banks of a log are one or more, each once');
  }
  const event = new Writer('little')
    .bytes(Buffer.from(SIGNATURE, 'latin1'))
    .u32(0) // platformClass: client
    .u8(0)
    .u8(2)
    .u8(2)
    .u8(2) // uintnSize: UINT64
    .u32(spec.banks.length);
  for (const bank of spec.banks) event.u16(bankAlgorithm(bank)).u16(hashOfBank(bank).size);
  const data = event.u8(spec.vendorInfo.length).bytes(spec.vendorInfo).finish();
  return new Writer('little')
    .u32(0)
    .u32(EV_NO_ACTION)
    .bytes(new Uint8Array(SHA1_SIZE))
    .u32(data.length)
    .bytes(data)
    .finish();
}
