import { ASSURANCE_CLASSES, type TpmDescription } from '@touchstone/endorsement';
import type { AkSubject, HeldKey, Issuance, RevokedCertificate } from './issuance.ts';
import {
  array,
  bytes,
  type Codec,
  date,
  nothing,
  oneOf,
  record,
  text,
  tuple,
  unsigned,
} from './wire-codec.ts';

/** How one operation is asked for and answered between two processes. */
type Operation<K extends keyof Issuance> = {
  readonly request: Codec<Parameters<Issuance[K]>>;
  readonly answer: Codec<Awaited<ReturnType<Issuance[K]>>>;
};

type Asked<K extends keyof Issuance> = Parameters<Issuance[K]>[0];

const certificate = bytes(16_384);
const keyId = text(64);
const role = oneOf('root', 'issuing');
const heldKey = record<HeldKey>({ keyId, role, label: text(129), spki: bytes(512) });

const ak = record<AkSubject>(
  {
    akPublic: bytes(1_024),
    akQualifiedName: bytes(66),
    class: oneOf(...ASSURANCE_CLASSES),
    ekRef: bytes(32),
    tpm: record<TpmDescription>(
      { maker: text(16), pinned: oneOf(true), weaknesses: array(text(32), 16) },
      ...(['maker', 'pinned'] as const),
    ),
  },
  'tpm',
);

const revoked = record<RevokedCertificate>({
  serial: bytes(20),
  at: date,
  reason: oneOf('unspecified', 'keyCompromise', 'cessationOfOperation', 'superseded'),
});

/** Every operation there is: what is not in this table cannot be asked for. */
export const OPERATIONS: { readonly [K in keyof Issuance]: Operation<K> } = {
  makeKey: { request: tuple(text(129), role), answer: heldKey },
  keys: { request: tuple(), answer: array(heldKey, 1_024) },
  destroyKey: { request: tuple(keyId, role), answer: nothing },
  signRoot: {
    request: tuple(record<Asked<'signRoot'>>({ keyId, now: date })),
    answer: certificate,
  },
  signIssuing: {
    request: tuple(record<Asked<'signIssuing'>>({ root: certificate, keyId, now: date })),
    answer: certificate,
  },
  signCross: {
    request: tuple(
      record<Asked<'signCross'>>({ subject: certificate, by: certificate, now: date }),
    ),
    answer: certificate,
  },
  signAk: {
    request: tuple(
      record<Asked<'signAk'>>(
        { issuer: certificate, ak, crlUrl: text(1_024), now: date },
        'crlUrl',
      ),
    ),
    answer: record<Awaited<ReturnType<Issuance['signAk']>>>({
      der: certificate,
      serial: bytes(20),
    }),
  },
  signCrl: {
    request: tuple(
      record<Asked<'signCrl'>>(
        {
          ...{ issuer: certificate, url: text(1_024), number: unsigned },
          ...{ thisUpdate: date, nextUpdate: date, revoked: array(revoked, 2_000) },
        },
        'url',
      ),
    ),
    answer: bytes(262_144),
  },
  signBundleKey: {
    request: tuple(
      record<Asked<'signBundleKey'>>({ root: certificate, spki: bytes(512), now: date }),
    ),
    answer: certificate,
  },
  ekRef: { request: tuple(bytes(66)), answer: bytes(32) },
};

/** How long a request or an answer may be: a list of 2,000 entries is some 200 KiB. */
export const MAX_MESSAGE_BYTES = 524_288;
