import { type BankName, bankAlgorithm, hashAlgorithm, hashOfBank } from '@touchstone/tpm';
import { ParseError, Reader, Writer } from '@touchstone/tpm';
import { EV_NO_ACTION } from './event-types.ts';
import type { LogEvent } from './log-event.ts';
import { SPEC_ID_SIGNATURE } from './log-header.ts';

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

const SHA1_SIZE = 20;
/** Where the data of a log's first event begins. */
const DATA_OFFSET = 32;
/** No hash in the Algorithm Registry is longer than 64 bytes; twice that still bounds a lie. */
const MAX_DIGEST_SIZE = 128;
const VERSION_MAJOR = 2;

/** What the Spec ID event says that begins a crypto-agile log, its signature having been seen. */
export function readSpecId(bytes: Uint8Array, header: LogEvent, maxAlgorithms: number): SpecId {
  const start = DATA_OFFSET + SPEC_ID_SIGNATURE.length;
  const event = new Reader(bytes, 'little', start, DATA_OFFSET + header.data.length);
  const platformClass = event.u32('SpecId.platformClass');
  const specVersionMinor = event.u8('SpecId.specVersionMinor');
  const versionOffset = event.offset;
  const specVersionMajor = event.u8('SpecId.specVersionMajor');
  if (specVersionMajor !== VERSION_MAJOR) {
    const detail = `${specVersionMajor}`;
    throw new ParseError('SPEC_ID_VERSION', 'SpecId.specVersionMajor', versionOffset, detail);
  }
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
  if (algorithms.every(({ bank }) => bank === null)) {
    const [{ alg } = { alg: 0 }] = algorithms;
    const detail = `0x${alg.toString(16)}`;
    throw new ParseError('SPEC_ID_ALGORITHMS', 'SpecId.digestSizes', start, detail);
  }
  return algorithms;
}

/** The banks that a log declares and that are known here. */
export const banksOf = ({ algorithms }: SpecId): readonly BankName[] =>
  algorithms.flatMap(({ bank }) => (bank === null ? [] : [bank]));

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
    .bytes(Buffer.from(SPEC_ID_SIGNATURE, 'latin1'))
    .u32(0) // platformClass: client
    .u8(0)
    .u8(VERSION_MAJOR)
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
