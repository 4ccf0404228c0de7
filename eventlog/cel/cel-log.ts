import { type BankName, ParseError } from '@touchstone/tpm';
import { EV_NO_ACTION } from '../event-types.ts';
import { checkSize } from '../limits.ts';
import { type BankReplay, replayBank } from '../replay-bank.ts';
import { parseCelCbor } from './cel-cbor.ts';
import { parseCelJson } from './cel-json.ts';
import {
  CEL_LIMITS,
  type CelContent,
  type CelLimits,
  type CelRecord,
  type CelRegister,
} from './cel-record.ts';
import { parseCelTlv } from './cel-tlv.ts';

/** A TCG Canonical Event Log 1.0, in one of its three encodings. */
export type CelLog = {
  readonly encoding: 'json' | 'tlv' | 'cbor';
  readonly records: readonly CelRecord[];
};

const JSON_STARTS = [0x1e, 0x5b];
const TLV_RECNUM = 0x00;
const CBOR_ARRAY = 4;

/**
 * Reads a whole canonical event log: what systemd writes to /run/log/systemd/tpm2-measure.log (JSON texts, each
 * behind a record separator: RFC 7464), a JSON array, TLV or CBOR. Nothing of it is believed by this: replay it,
 * and hold the outcome against a quote.
 *
 * Throws ParseError LOG_EMPTY, LOG_TOO_LARGE, CEL_FORMAT, CEL_RECORD, CEL_RECORDS, CEL_REGISTER, the codes of
 * digests, TRUNCATED or TRAILING_BYTES. Time and memory are linear in the input.
 */
export function parseCelLog(bytes: Uint8Array, limits: Partial<CelLimits> = {}): CelLog {
  const bounds = { ...CEL_LIMITS, ...limits };
  checkSize(bytes, bounds);
  const [first = 0] = bytes;
  if (JSON_STARTS.includes(first))
    return { encoding: 'json', records: parseCelJson(bytes, bounds) };
  if (first === TLV_RECNUM) return { encoding: 'tlv', records: parseCelTlv(bytes, bounds) };
  if (first >>> 5 === CBOR_ARRAY) return { encoding: 'cbor', records: parseCelCbor(bytes, bounds) };
  throw new ParseError('CEL_FORMAT', 'log', 0, `begins with 0x${first.toString(16)}`);
}

/**
 * What the records lead to from zeros, by bank, in the registers of one kind: PCRs, unless said otherwise. A log
 * of user space goes on where the firmware's left off: where both measure into a PCR, that is `extended` by this
 * and its value is what `initial` of it leads to.
 */
export function replayCelLog(
  { records }: CelLog,
  {
    of = 'pcr',
    initial,
  }: {
    readonly of?: CelRegister['kind'];
    /** What the registers hold before, by bank; zeros where it says nothing. */
    readonly initial?: ReadonlyMap<BankName, ReadonlyMap<number, Uint8Array>>;
  } = {},
): ReadonlyMap<BankName, BankReplay> {
  const steps = records
    .filter(({ register, content }) => register.kind === of && extendsIt(content))
    .map(({ index, register, digests }) => ({ index, register: register.index, digests }));
  const banks = new Set(steps.flatMap(({ digests }) => digests.map(({ bank }) => bank)));
  return new Map(
    [...banks].map((bank) => [bank, replayBank(bank, steps, () => 0, initial?.get(bank))]),
  );
}

/** As in a firmware's log, EV_NO_ACTION informs and is never extended. */
const extendsIt = (content: CelContent): boolean =>
  content.kind !== 'pcclient' || content.claimedType !== EV_NO_ACTION;
