import { type BankName, hash, hashOfBank } from '@touchstone/tpm';
import type { EventDigest } from './log-event.ts';

/** One extend: of a PCR, or of a register of a confidential VM. */
export type Extend = {
  /** Of the event. */
  readonly index: number;
  readonly register: number;
  readonly digests: readonly EventDigest[];
};

export type BankReplay = {
  /** By register, for those that an event extended with a digest of this bank. */
  readonly values: ReadonlyMap<number, Uint8Array>;
  readonly extended: ReadonlySet<number>;
  /** The registers whose value is not what the log leads to, with the first event that lacks a digest. */
  readonly incomplete: ReadonlyMap<number, number>;
};

/** register = H(register || digest): TPM 2.0 Part 1, "Extend of a PCR". `startsAt` is the last byte at first. */
export function replayBank(
  bank: BankName,
  extendsInOrder: readonly Extend[],
  startsAt: (register: number) => number = () => 0,
  /** What registers hold that an earlier log extended. */
  initial: ReadonlyMap<number, Uint8Array> = new Map(),
): BankReplay {
  const values = new Map<number, Uint8Array>();
  const extended = new Set<number>();
  const incomplete = new Map<number, number>();
  for (const { index, register, digests } of extendsInOrder) {
    extended.add(register);
    const found = digests.find((entry) => entry.bank === bank);
    if (found) {
      const before =
        values.get(register) ?? initial.get(register) ?? initialValue(bank, startsAt(register));
      values.set(register, hash(bank, before, found.digest));
    } else if (!incomplete.has(register)) {
      incomplete.set(register, index);
    }
  }
  return { values, extended, incomplete };
}

function initialValue(bank: BankName, lastByte: number): Uint8Array {
  const value = new Uint8Array(hashOfBank(bank).size);
  value[value.length - 1] = lastByte;
  return value;
}
