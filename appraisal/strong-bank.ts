import type { BankName } from '@touchstone/tpm';

/** Banks whose PCRs prove something. SHA-1 never counts; SM3 is no bank of the wire's selections. */
export type StrongBank = 'sha256' | 'sha384' | 'sha512';

export const STRONG_BANKS: readonly StrongBank[] = ['sha256', 'sha384', 'sha512'];

export const isStrong = (bank: BankName): bank is StrongBank =>
  (STRONG_BANKS as readonly string[]).includes(bank);
