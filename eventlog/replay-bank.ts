import { hash } from 'node:crypto';
import { type BankName, hashOfBank } from '@touchstone/tpm';
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
  const { node, size } = hashOfBank(bank);
  /** By register: its value, and behind it the digest that it is extended with. */
  const both = new Map<number, Buffer>();
  const extended = new Set<number>();
  const incomplete = new Map<number, number>();
  for (const { index, register, digests } of extendsInOrder) {
    extended.add(register);
    const found = digests.find((entry) => entry.bank === bank);
    if (found) {
      let held = both.get(register);
      if (held === undefined) {
        held = Buffer.alloc(2 * size);
        const before = initial.get(register);
        if (before === undefined) held[size - 1] = startsAt(register);
        else held.set(before);
        both.set(register, held);
      }
      if (found.digest.length !== size) throw new RangeError(`no digest of ${bank}`);
      held.set(found.digest, size);
      // Text of one byte a character: node gives it in a third of the time that a Buffer takes.
      held.write(hash(node, held, 'binary'), 0, 'latin1');
    } else if (!incomplete.has(register)) {
      incomplete.set(register, index);
    }
  }
  const values = new Map(
    [...both].map(([register, held]) => [register, new Uint8Array(held.subarray(0, size))]),
  );
  return { values, extended, incomplete };
}
