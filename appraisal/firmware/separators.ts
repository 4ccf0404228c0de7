import type { EventDigest, LogEvent } from '@touchstone/eventlog';
import { type BankName, hash } from '@touchstone/tpm';
import { equalBytes } from '../bytes.ts';

/** What a separator says by its digest: TCG PC Client PFP, 10.4.1 EV_SEPARATOR. Its data is no more than a label. */
export type SeparatorValue = 'zero' | 'ones' | 'error' | 'windows' | 'other';

const TEXTS: Readonly<Record<Exclude<SeparatorValue, 'other'>, Uint8Array>> = {
  zero: Uint8Array.of(0, 0, 0, 0),
  ones: Uint8Array.of(0xff, 0xff, 0xff, 0xff),
  error: Uint8Array.of(1, 0, 0, 0),
  // Windows' boot manager, in PCR 12 to 14.
  windows: Buffer.from('WBCL', 'latin1'),
};

const KNOWN = new Map<BankName, readonly (readonly [SeparatorValue, Uint8Array])[]>();

/** The value that all of an event's digests are of; `other` where they are of none, or not of the same. */
export function separatorValue({ digests }: Pick<LogEvent, 'digests'>): SeparatorValue {
  const [first, ...more] = digests;
  if (first === undefined) return 'other';
  const value = valueOf(first);
  return more.every((one) => valueOf(one) === value) ? value : 'other';
}

function valueOf({ bank, digest }: EventDigest): SeparatorValue {
  const [value] = valuesIn(bank).find(([, known]) => equalBytes(known, digest)) ?? ['other'];
  return value;
}

/** Made once a bank. */
function valuesIn(bank: BankName): readonly (readonly [SeparatorValue, Uint8Array])[] {
  let values = KNOWN.get(bank);
  if (values === undefined) {
    const entries = Object.entries(TEXTS) as [SeparatorValue, Uint8Array][];
    values = entries.map(([value, text]) => [value, hash(bank, text)] as const);
    KNOWN.set(bank, values);
  }
  return values;
}
