import {
  type CcEvent,
  type EventMeaning,
  type LogEvent,
  nameOfMeaning,
  readMeaning,
} from '@touchstone/eventlog';

/**
 * What an event means, as `inspect eventlog --json` prints it. `basis` and `part` say what its digests prove;
 * with the basis `label` that is nothing. The other fields are those of its kind.
 */
export type ReportedMeaning = {
  readonly basis: EventMeaning['basis'];
  /** With the basis `part` alone. */
  readonly part?: string;
  readonly kind: EventMeaning['kind'];
  /** For people: one line. */
  readonly name: string;
} & Readonly<Record<string, unknown>>;

export function reportedMeaning(event: LogEvent | CcEvent): ReportedMeaning {
  const meaning = readMeaning(event);
  const { basis, kind, ...rest } = meaning;
  return { basis, kind, name: nameOfMeaning(meaning), ...plainObject(plainFields(meaning, rest)) };
}

/** A variable's own name would take the place of the line. */
function plainFields(meaning: EventMeaning, rest: object): object {
  if (meaning.kind !== 'variable' && meaning.kind !== 'mok') return rest;
  const { name: variable, ...others } = rest as { readonly name: string };
  return { variable, ...others };
}

/** Numbers and texts; bytes in hex, addresses as numbers where one can hold them. */
const plainObject = (fields: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plain(value)]));

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === 'object' && value !== null ? plainObject(value) : value;
}
