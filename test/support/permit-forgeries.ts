import type { KeyObject } from 'node:crypto';
import type { PermitClaims } from '@touchstone/schemas';
import { base64Url, type Header, makeJws, publicShapes, readJws } from './jws.ts';

/** Whatever keys a forgery grants its forger. */
export type ForgersKeys = {
  readonly permit: KeyObject;
  readonly result: KeyObject;
  /** Nobody’s. */
  readonly own: KeyObject;
};

/** A forger has the answer that the server gave. */
type Forgery = {
  readonly header: Header;
  readonly claims: PermitClaims;
  readonly permit: string;
  readonly result: string;
  readonly keys: ForgersKeys;
};
export type Forge = (forgery: Forgery) => string;
type Row = readonly [what: string, code: string, forge: Forge];

const URL_OF_A_FORGER = 'https://127.0.0.1:1/key';
const without = <T extends object>(whole: T, name: keyof T): Partial<T> => {
  const { [name]: _, ...rest } = whole;
  return rest as Partial<T>;
};

/** T1: the header decides nothing. */
const HEADERS: readonly Row[] = [
  [
    'with alg none',
    'PERMIT_INVALID',
    ({ header, claims }) => makeJws({ ...header, alg: 'none' }, claims, null),
  ],
  [
    'with alg None and the old signature',
    'PERMIT_INVALID',
    ({ header, claims, permit }) =>
      makeJws({ ...header, alg: 'None' }, claims, null) + readJws(permit).signature,
  ],
  ['without a signature', 'PERMIT_INVALID', ({ header, claims }) => makeJws(header, claims, null)],
  [
    'with a signature of zeros',
    'PERMIT_INVALID',
    ({ header, claims }) => makeJws(header, claims, null) + base64Url(new Uint8Array(64)),
  ],
  [
    'by HS256 with the public key as PEM',
    'PERMIT_INVALID',
    ({ header, claims, keys }) =>
      makeJws({ ...header, alg: 'HS256' }, claims, publicShapes(keys.permit).pem),
  ],
  [
    'by HS256 with the public key as DER',
    'PERMIT_INVALID',
    ({ header, claims, keys }) =>
      makeJws({ ...header, alg: 'HS256' }, claims, publicShapes(keys.permit).der),
  ],
  [
    'by HS256 with the public key as JWK',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => {
      const secret = Buffer.from(JSON.stringify(publicShapes(keys.permit).jwk));
      return makeJws({ ...header, alg: 'HS256' }, claims, secret);
    },
  ],
  [
    'by another key under the permit key’s id',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws(header, claims, keys.own),
  ],
  [
    'by a key that its header brings (jwk)',
    'PERMIT_INVALID',
    ({ header, claims, keys }) =>
      makeJws({ ...header, jwk: publicShapes(keys.own).jwk }, claims, keys.own),
  ],
  [
    'by a key that its header names (jku)',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws({ ...header, jku: URL_OF_A_FORGER }, claims, keys.own),
  ],
  [
    'by a certificate that its header names (x5u)',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws({ ...header, x5u: URL_OF_A_FORGER }, claims, keys.own),
  ],
  [
    'by another key under no id',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws(without(header, 'kid'), claims, keys.own),
  ],
  [
    'by the permit key under no id',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws(without(header, 'kid'), claims, keys.permit),
  ],
  [
    'by the permit key under another id',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws({ ...header, kid: '../permit-key' }, claims, keys.permit),
  ],
  [
    'by the permit key with an unknown critical extension',
    'PERMIT_INVALID',
    ({ header, claims, keys }) =>
      makeJws({ ...header, crit: ['urn:x'], 'urn:x': true }, claims, keys.permit),
  ],
  [
    'by the permit key with a known critical extension (b64)',
    'PERMIT_INVALID',
    ({ header, claims, keys }) =>
      makeJws({ ...header, crit: ['b64'], b64: true }, claims, keys.permit),
  ],
  [
    'by the permit key with itself in the header',
    'PERMIT_INVALID',
    ({ header, claims, keys }) =>
      makeJws({ ...header, jwk: publicShapes(keys.permit).jwk }, claims, keys.permit),
  ],
  [
    'whose claims were changed after it was signed',
    'PERMIT_INVALID',
    ({ header, claims, permit }) =>
      makeJws(header, { ...claims, exp: claims.exp + 1 }, null) + readJws(permit).signature,
  ],
  ['with a part too many', 'PERMIT_INVALID', ({ permit }) => `${permit}.${base64Url('{}')}`],
  ['with a space in it', 'PERMIT_INVALID', ({ permit }) => permit.replace('.', ' .')],
];

/** T3: signed by the deployment’s own keys, but not this permit. */
const PURPOSES: readonly Row[] = [
  ['the attestation result of the same answer', 'PERMIT_INVALID', ({ result }) => result],
  [
    'signed by the result key',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws(header, claims, keys.result),
  ],
  [
    'signed by the result key under its own id',
    'PERMIT_INVALID',
    ({ header, claims, result, keys }) =>
      makeJws({ ...header, kid: readJws(result).header['kid'] }, claims, keys.result),
  ],
  [
    'of the result’s type',
    'PERMIT_INVALID',
    ({ header, claims, keys }) =>
      makeJws({ ...header, typ: 'touchstone-result+jwt' }, claims, keys.permit),
  ],
  [
    'of type JWT',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws({ ...header, typ: 'JWT' }, claims, keys.permit),
  ],
  [
    'of no type',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws(without(header, 'typ'), claims, keys.permit),
  ],
  [
    'by another issuer',
    'PERMIT_INVALID',
    ({ header, claims, keys }) =>
      makeJws(header, { ...claims, iss: 'https://other.example' }, keys.permit),
  ],
  ...(['iss', 'aud', 'exp', 'touchstone.boot', 'touchstone.request'] as const).map((name): Row => [
    `without the claim ${name}`,
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws(header, without(claims, name), keys.permit),
  ]),
  [
    'for a list of audiences',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws(header, { ...claims, aud: [claims.aud] }, keys.permit),
  ],
  [
    'with a claim that nobody knows',
    'PERMIT_INVALID',
    ({ header, claims, keys }) => makeJws(header, { ...claims, admin: true }, keys.permit),
  ],
  [
    'with a claim twice',
    'PERMIT_INVALID',
    ({ header, claims, keys }) =>
      makeJws(header, JSON.stringify(claims).replace('{', '{"exp":1,'), keys.permit),
  ],
];

const invalid = (what: string, make: Forge): Row => [what, 'PERMIT_INVALID', make];

/** T2: a key id finds a key of the bundle by being the same, and nothing else in any way. */
const KEY_IDS: readonly Row[] = (
  [
    ['a path', '../permit-key'],
    ['the path of the key’s file', '../../server/permit-key.pem'],
    ['a statement of SQL', "' OR '1'='1"],
    ['nothing', ''],
    ['NUL', 'permit\0'],
    ['10 kB', 'k'.repeat(10_000)],
    ['a number', 1],
    ['a list', ['permit']],
    ['the name of what every object has', 'constructor'],
  ] as const
).map(([what, kid]) =>
  invalid(`under ${what}`, ({ header, claims, keys }) =>
    makeJws({ ...header, kid }, claims, keys.permit),
  ),
);

const timed = (what: string, change: (claims: PermitClaims) => object): Row =>
  invalid(what, ({ header, claims, keys }) =>
    makeJws(header, { ...claims, ...change(claims) }, keys.permit),
  );

/** T4: by the server's times alone, for the host's wall clock decides nothing. */
const TIMES: readonly Row[] = [
  invalid('without the claim exp', ({ header, claims, keys }) =>
    makeJws(header, without(claims, 'exp'), keys.permit),
  ),
  invalid('without the claim iat', ({ header, claims, keys }) =>
    makeJws(header, without(claims, 'iat'), keys.permit),
  ),
  timed('for longer than a permit lives', ({ iat }) => ({ exp: iat + 61 })),
  timed('for ever', () => ({ exp: Number.MAX_SAFE_INTEGER })),
  timed('that ends before it begins', ({ iat }) => ({ exp: iat - 1 })),
  timed('that ends as it begins', ({ iat }) => ({ exp: iat })),
  timed('made after the end of the bundle', ({ iat }) => ({
    iat: iat + 400 * 86_400,
    exp: iat + 400 * 86_400 + 60,
  })),
  timed('not valid before later', ({ iat }) => ({ nbf: iat + 30 })),
  timed('not valid before earlier', ({ iat }) => ({ nbf: iat - 30 })),
  timed('whose end is a text', ({ exp }) => ({ exp: `${exp}` })),
  timed('whose end is no whole number', ({ exp }) => ({ exp: exp + 0.5 })),
];

/** T5: the deployment’s own permit, for something else. */
const OTHERS: readonly Row[] = [
  [
    'for another AK',
    'PERMIT_UNEXPECTED',
    ({ header, claims, keys }) =>
      makeJws(header, { ...claims, aud: `000b${'ab'.repeat(32)}` }, keys.permit),
  ],
  [
    'for another host',
    'PERMIT_UNEXPECTED',
    ({ header, claims, keys }) =>
      makeJws(header, { ...claims, 'touchstone.host': claims.jti }, keys.permit),
  ],
  [
    'for another challenge',
    'PERMIT_UNEXPECTED',
    ({ header, claims, keys }) =>
      makeJws(header, { ...claims, 'touchstone.challenge': 'AAAA' }, keys.permit),
  ],
  ...(['requestId', 'vm', 'definitionDigest', 'imageDigests'] as const).map((name): Row => [
    `for another ${name}`,
    'PERMIT_UNEXPECTED',
    ({ header, claims, keys }) => {
      const other = {
        requestId: claims.jti,
        vm: claims.jti,
        definitionDigest: '0'.repeat(64),
        imageDigests: ['0'.repeat(64)],
      }[name];
      const request = { ...claims['touchstone.request'], [name]: other };
      return makeJws(header, { ...claims, 'touchstone.request': request }, keys.permit);
    },
  ]),
];

/** T6: a key in the header is no key, whatever vouches for it. */
const HEADER_KEYS: readonly Row[] = [
  invalid('by a key that its header brings under the permit key’s id', ({ header, claims, keys }) =>
    makeJws({ ...header, jwk: publicShapes(keys.own).jwk }, claims, keys.own),
  ),
  invalid('by a key that its header brings under no id', ({ header, claims, keys }) =>
    makeJws({ ...without(header, 'kid'), jwk: publicShapes(keys.own).jwk }, claims, keys.own),
  ),
  invalid('by a key that its header brings with a certificate', ({ header, claims, keys }) =>
    makeJws({ ...header, jwk: publicShapes(keys.own).jwk, x5c: ['AAAA'] }, claims, keys.own),
  ),
];

/** By the number of the case. */
export const FORGED_PERMITS: Readonly<Record<string, readonly Row[]>> = {
  T1: HEADERS,
  T2: KEY_IDS,
  T3: PURPOSES,
  T4: TIMES,
  T5: OTHERS,
  T6: HEADER_KEYS,
};
