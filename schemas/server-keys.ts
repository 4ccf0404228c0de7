import { Type } from 'typebox';
import { SigningJwk } from './enrolment.ts';
import {
  closed,
  LineOfText,
  oneOf,
  PemCertificate,
  Sha256Hex,
  Slug,
  Timestamp,
  Uint32,
} from './scalars.ts';

const OptionalTime = Type.Union([Timestamp, Type.Null()]);
const Count = Type.Integer({ minimum: 0, maximum: 10_000_000 });

/** What the server makes and turns by itself. By a `release` key it signs in the TPM's own form (ReleaseKey), and no token. */
export const KeyUse = oneOf('result', 'permit', 'release');
export type KeyUse = Type.Static<typeof KeyUse>;

/**
 * `next`: published, signs nothing yet. `active`: signs. `retired`: signs no more, and verifies what it signed until
 * that has ended. `withdrawn`: in no trust bundle any more.
 */
export const KeyState = oneOf('next', 'active', 'retired', 'withdrawn');
export type KeyState = Type.Static<typeof KeyState>;

/** GET /v1/keys at the server: the keys that trust bundles carry. */
export const ServerKeys = closed({
  /** A key signs for so long before the next one is made. */
  rotationDays: Type.Integer({ minimum: 1, maximum: 3_650 }),
  /** The newest trust bundle. */
  bundleEpoch: Uint32,
  keys: Type.Array(
    closed({
      use: KeyUse,
      kid: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$', maxLength: 64 }),
      state: KeyState,
      madeAt: Timestamp,
      /** The first trust bundle that has it. */
      epoch: Type.Union([Uint32, Type.Null()]),
      activeAt: OptionalTime,
      retiredAt: OptionalTime,
      /** When the next one is made, or when it leaves the bundle. */
      until: OptionalTime,
    }),
    { maxItems: 64 },
  ),
  /** SHA-256 of the TLS keys' SPKI, as the newest trust bundle has them or would. */
  tls: closed({
    server: Type.Array(Sha256Hex, { maxItems: 8 }),
    ca: Type.Array(Sha256Hex, { maxItems: 8 }),
  }),
  bundleKey: closed({
    /** The one that signs the next bundle, by the newest one. */
    named: Type.Union([SigningJwk, Type.Null()]),
    /** The one that this server has. */
    held: SigningJwk,
    /** Whether the server can sign the next bundle. */
    signs: Type.Boolean(),
  }),
  /** Hosts that are there and have not shown the newest bundle. */
  behind: closed({ count: Count, named: Type.Array(Slug, { maxItems: 100 }) }),
});
export type ServerKeys = Type.Static<typeof ServerKeys>;

/** POST /v1/keys/{use}/rotation at the server: the next key is made now, and not when that is due. */
export const KeyRotation = closed({ reason: LineOfText(512) });
export type KeyRotation = Type.Static<typeof KeyRotation>;

/** POST /v1/operator/bundle-key-certificates at the CA: the server lost the key that signs its trust bundles. */
export const BundleKeyRequest = closed({ jwk: SigningJwk, reason: LineOfText(512) });
export type BundleKeyRequest = Type.Static<typeof BundleKeyRequest>;

/**
 * The CA's answer, and what POST /v1/bundle-key-certificate at the server takes: the new bundle key, certified by an
 * anchor of the CA for that purpose.
 */
export const BundleKeyCertificate = closed({ certificate: PemCertificate });
export type BundleKeyCertificate = Type.Static<typeof BundleKeyCertificate>;
