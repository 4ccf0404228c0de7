import { createHmac, createPublicKey, type KeyObject, sign } from 'node:crypto';

/** RFC 7515, compact; made by hand, so that it may be made wrong. */
export type Header = Readonly<Record<string, unknown>>;

/**
 * ES256 by a private key, HS256 by bytes, no signature by null; whatever the header says of it. Claims in a
 * string are signed as they are.
 */
export function makeJws(
  header: Header,
  claims: object | string,
  key: KeyObject | Uint8Array | null,
): string {
  const payload = typeof claims === 'string' ? claims : JSON.stringify(claims);
  const input = `${base64Url(JSON.stringify(header))}.${base64Url(payload)}`;
  return `${input}.${base64Url(signatureOf(Buffer.from(input), key))}`;
}

function signatureOf(input: Uint8Array, key: KeyObject | Uint8Array | null): Uint8Array {
  if (key === null) return new Uint8Array();
  if (key instanceof Uint8Array) return createHmac('sha256', key).update(input).digest();
  return sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' });
}

export function readJws(token: string): { header: Header; claims: object; signature: string } {
  const [header = '', claims = '', signature = ''] = token.split('.');
  const json = (part: string) =>
    JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  return { header: json(header), claims: json(claims), signature };
}

/** The public half, in the shapes in which somebody might take it for a secret. */
export function publicShapes(key: KeyObject) {
  const half = createPublicKey(key);
  return {
    jwk: half.export({ format: 'jwk' }),
    pem: Buffer.from(half.export({ type: 'spki', format: 'pem' })),
    der: half.export({ type: 'spki', format: 'der' }),
  };
}

export const base64Url = (data: string | Uint8Array): string =>
  Buffer.from(data).toString('base64url');
