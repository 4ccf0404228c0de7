import { Type, type TSchema } from 'typebox';

/**
 * The scalars of the wire. Every string is bounded in length and every number in range, so that no
 * message can be larger than its schema says before anything is allocated for it.
 */

/** Lower-case hex of exactly `bytes` bytes. */
export const hexOf = (bytes: number) =>
  Type.String({
    pattern: `^[0-9a-f]{${bytes * 2}}$`,
    minLength: bytes * 2,
    maxLength: bytes * 2,
  });

/** Lower-case hex of 1 to `maxBytes` bytes. */
export const hexUpTo = (maxBytes: number) =>
  Type.String({ pattern: '^([0-9a-f]{2})+$', minLength: 2, maxLength: maxBytes * 2 });

/** RFC 4648 base64url without padding, at most `maxBytes` bytes when decoded. */
export const base64UrlUpTo = (maxBytes: number) =>
  Type.String({ pattern: '^[A-Za-z0-9_-]+$', maxLength: Math.ceil((maxBytes * 4) / 3) });

/** SHA-256, lower-case hex. */
export const Sha256Hex = hexOf(32);

/** A digest of any supported bank, lower-case hex: 20, 32, 48 or 64 bytes. */
export const DigestHex = Type.String({
  pattern: '^([0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$',
  maxLength: 128,
});

/** TPM2B_NAME as hex: nameAlg (2 bytes) and digest. TCG Part 1, 16. */
export const NameHex = Type.String({ pattern: '^([0-9a-f]{2}){34,66}$', maxLength: 132 });

/** RFC 9562 UUID, lower case. */
export const Uuid = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  minLength: 36,
  maxLength: 36,
});

/** UINT64 as a decimal string: JSON numbers lose precision past 2^53. */
export const Uint64Decimal = Type.String({ pattern: '^(0|[1-9][0-9]{0,19})$', maxLength: 20 });

export const Uint32 = Type.Integer({ minimum: 0, maximum: 0xffffffff });

/** RFC 3339, UTC, as Date.prototype.toISOString writes it. */
export const Timestamp = Type.String({
  pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,6})?Z$',
  maxLength: 32,
});

/** A name a person gives: host, baseline, VM. One line, no path and no markup. */
export const Slug = Type.String({
  pattern: '^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$',
  minLength: 1,
  maxLength: 63,
});

/** Text for people: no control characters, so that a terminal or a log cannot be driven by it. */
export const LineOfText = (maxLength: number) =>
  Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$', maxLength });

/** UPPER_SNAKE literal of one of the tables of codes. */
export const Code = Type.String({ pattern: '^[A-Z][A-Z0-9_]{1,63}$', maxLength: 64 });

/** An object whose keys all have one form: others are refused, as unknown properties are everywhere. */
export function mapOf<T extends TSchema>(keyPattern: string, value: T, maxProperties: number) {
  const options = { maxProperties, additionalProperties: false };
  return Type.Record(Type.String({ pattern: keyPattern }), value, options);
}

/** An absolute https URL. */
export const HttpsUrl = Type.String({ pattern: '^https://[^\\s]+$', maxLength: 512 });

/** One PEM certificate. */
export const PemCertificate = Type.String({
  pattern:
    '^-----BEGIN CERTIFICATE-----\\r?\\n[A-Za-z0-9+/=\\r\\n]+-----END CERTIFICATE-----\\r?\\n?$',
  maxLength: 16_384,
});

/** An object of exactly these properties: unknown ones are refused everywhere on the wire. */
export const closed = <T extends Record<string, TSchema>>(
  properties: T,
  options: Record<string, unknown> = {},
) => Type.Object(properties, { ...options, additionalProperties: false });

/** A union of string literals. */
export const oneOf = <const T extends readonly string[]>(...values: T) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values] });
