import { CustodyError } from './custody-error.ts';

/** One kind of value and its JSON. Both directions throw CustodyError ISSUANCE_REFUSED for what is not of it. */
export type Codec<T> = {
  readonly encode: (value: T, field: string) => unknown;
  readonly decode: (json: unknown, field: string) => T;
};

const refused = (field: string) => new CustodyError('ISSUANCE_REFUSED', field);

function require(condition: boolean, field: string): asserts condition {
  if (!condition) throw refused(field);
}

/** One text for each value: `isFit` says which texts are one. */
function inText<T>(
  encode: (value: T) => string,
  decode: (text: string) => T,
  maxLength: number,
): Codec<T> {
  return {
    encode: (value, field) => {
      const text = encode(value);
      require(text.length <= maxLength, field);
      return text;
    },
    decode: (json, field) => {
      require(typeof json === 'string' && json.length <= maxLength, field);
      const value = decode(json);
      require(encode(value) === json, field);
      return value;
    },
  };
}

/** base64url, as long as so many bytes at most. */
export const bytes = (max: number): Codec<Uint8Array> =>
  inText(
    (value) => Buffer.from(value).toString('base64url'),
    (text) => Uint8Array.from(Buffer.from(text, 'base64url')),
    Math.ceil((max * 4) / 3),
  );

export const text = (max: number): Codec<string> =>
  inText(
    (value) => value,
    (json) => json,
    max,
  );

export const date: Codec<Date> = {
  encode: (value, field) => {
    require(!Number.isNaN(value.getTime()), field);
    return value.toISOString();
  },
  decode: (json, field) => {
    require(typeof json === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/.test(json), field);
    const value = new Date(json);
    require(!Number.isNaN(value.getTime()) && value.toISOString() === json, field);
    return value;
  },
};

/** Not negative, in decimal digits. */
export const unsigned: Codec<bigint> = {
  encode: (value, field) => {
    require(value >= 0n, field);
    return String(value);
  },
  decode: (json, field) => {
    require(typeof json === 'string' && /^(0|[1-9]\d{0,19})$/.test(json), field);
    return BigInt(json);
  },
};

export function oneOf<const T extends string | boolean>(...values: readonly T[]): Codec<T> {
  const known = (value: unknown, field: string): T => {
    const found = values.find((one) => one === value);
    require(found !== undefined, field);
    return found;
  };
  return { encode: known, decode: known };
}

/** Nothing. */
export const nothing: Codec<void> = {
  encode: () => null,
  decode: (json, field) => require(json === null, field),
};

export function array<T>(item: Codec<T>, max: number): Codec<readonly T[]> {
  return {
    encode: (value, field) => {
      require(value.length <= max, field);
      return value.map((one) => item.encode(one, field));
    },
    decode: (json, field) => {
      require(Array.isArray(json) && json.length <= max, field);
      return json.map((one) => item.decode(one, field));
    },
  };
}

export function tuple<T extends unknown[]>(
  ...items: { readonly [K in keyof T]: Codec<T[K]> }
): Codec<T> {
  return {
    encode: (value, field) => items.map((item, index) => item.encode(value[index], field)),
    decode: (json, field) => {
      require(Array.isArray(json) && json.length === items.length, field);
      return items.map((item, index) => item.decode(json[index], field)) as T;
    },
  };
}

type Fields<T> = { readonly [K in keyof T]-?: Codec<Exclude<T[K], undefined>> };

/**
 * An object: those named last may be absent. On the way out, what else there is of it stays behind; on the way in, it is
 * refused.
 */
export function record<T extends object>(
  fields: Fields<T>,
  ...optional: readonly (keyof T & string)[]
): Codec<T> {
  const codecs = Object.entries(fields) as [string, Codec<unknown>][];
  const through = (value: object, convert: (codec: Codec<unknown>, name: string) => unknown) =>
    Object.fromEntries(
      codecs.flatMap(([name, codec]) => {
        const isThere = (value as Record<string, unknown>)[name] !== undefined;
        require(isThere || (optional as readonly string[]).includes(name), name);
        return isThere ? [[name, convert(codec, name)]] : [];
      }),
    );
  return {
    encode: (value) =>
      through(value, (codec, name) => codec.encode((value as Record<string, unknown>)[name], name)),
    decode: (json, field) => {
      require(typeof json === 'object' && json !== null && !Array.isArray(json), field);
      const given = json as Record<string, unknown>;
      require(Object.keys(given).every((key) => Object.hasOwn(fields, key)), field);
      return through(given, (codec, name) => codec.decode(given[name], name)) as T;
    },
  };
}
