import { Type } from 'typebox';
import {
  base64UrlUpTo,
  closed,
  HttpsUrl,
  LineOfText,
  NameHex,
  oneOf,
  PemCertificate,
  Sha256Hex,
  Slug,
  Timestamp,
  Uint32,
  Uuid,
} from './scalars.ts';
import { AssuranceClass, HostState } from './classes.ts';
import { Evidence } from './evidence.ts';
import { Finding } from './finding.ts';

/** An ECDSA P-256 public key as a JWK (RFC 7517), with the key id that tokens name. */
export const SigningJwk = closed({
  kty: Type.Literal('EC'),
  crv: Type.Literal('P-256'),
  x: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', maxLength: 43 }),
  y: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', maxLength: 43 }),
  kid: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$', maxLength: 64 }),
  alg: Type.Literal('ES256'),
  use: Type.Literal('sig'),
});
export type SigningJwk = Type.Static<typeof SigningJwk>;

/** SHA-256 of the TLS keys' SPKI, that of now and that of next: each is good. */
const TlsPins = Type.Array(Sha256Hex, { minItems: 1, maxItems: 8 });

/**
 * Every key that an agent must know. `issuer` is who signs results and permits, as their `iss` says it. `keys` are
 * those of now, the next ones, and those whose last token has not ended. `pin` is SHA-256 of the CA's TLS SPKI.
 * `tls` is there once a TLS key of the deployment was changed, or is about to be: agents of versions before it take
 * every bundle until then. `bundleKey` signs the bundle after this one.
 */
export const TrustBundle = closed({
  schema: Type.Literal('touchstone/trust-bundle/1'),
  epoch: Uint32,
  notAfter: Timestamp,
  issuer: HttpsUrl,
  ca: closed({ url: HttpsUrl, pin: Sha256Hex }),
  anchors: Type.Array(PemCertificate, { minItems: 1, maxItems: 8 }),
  keys: Type.Array(closed({ use: oneOf('result', 'permit', 'release'), jwk: SigningJwk }), {
    minItems: 2,
    maxItems: 24,
  }),
  bundleKey: SigningJwk,
  /**
   * Where an anchor ever vouched for a bundle key: from when the last such certificate is. None that is not later
   * counts any more, so that a key which was replaced since cannot come back by its own.
   */
  bundleKeyCertified: Type.Optional(Timestamp),
  tls: Type.Optional(closed({ server: TlsPins, ca: TlsPins })),
});
export type TrustBundle = Type.Static<typeof TrustBundle>;

/** GET /v1/tls-pins at the CA, polled by the server: what the CA shows now, and what it will show next. */
export const CaTlsPins = closed({ pins: TlsPins });
export type CaTlsPins = Type.Static<typeof CaTlsPins>;

/**
 * GET /v1/trust-bundle at the server: the newest, as a JWS (typ `touchstone-bundle+jwt`). An agent takes its first
 * one so, over the connection that the operator's fingerprint pins. GET /v1/trust-bundles/after/{epoch}: those after
 * that one, ascending, each signed by the key that the one before it names, or by one whose certificate (x5c) an anchor of the one
 * before it signed for that purpose; an agent goes from one to the next and never back.
 */
export const TrustBundles = closed({
  bundles: Type.Array(Type.String({ maxLength: 262_144 }), { maxItems: 64 }),
});
export type TrustBundles = Type.Static<typeof TrustBundles>;

/** POST /v1/enrollments at the CA. Structures are wire bytes: TPM2B_PUBLIC, DER. */
export const EnrollmentRequest = closed({
  /** None where the TPM has none: then an operator has to pin its EK. */
  ekCertificates: Type.Array(base64UrlUpTo(8_192), { maxItems: 8 }),
  ekPublic: base64UrlUpTo(1_024),
  akPublic: base64UrlUpTo(1_024),
  software: Type.Boolean(),
});
export type EnrollmentRequest = Type.Static<typeof EnrollmentRequest>;

/**
 * `credentialBlob` is TPM2B_ID_OBJECT, `secret` TPM2B_ENCRYPTED_SECRET (TCG Part 3, 12.5). `findings` are what a
 * person should know of the TPM's certificate; none of them enforces.
 */
export const EnrollmentChallenge = closed({
  enrollmentId: Uuid,
  expiresAt: Timestamp,
  credentialBlob: base64UrlUpTo(1_024),
  secret: base64UrlUpTo(1_024),
  findings: Type.Optional(Type.Array(Finding, { maxItems: 16 })),
});
export type EnrollmentChallenge = Type.Static<typeof EnrollmentChallenge>;

/** POST /v1/enrollments/{id}/activation at the CA: what TPM2_ActivateCredential gave. */
export const ActivationRequest = closed({ secret: base64UrlUpTo(64) });
export type ActivationRequest = Type.Static<typeof ActivationRequest>;

/** The AK certificate first, then its issuers up to and without the anchor. */
export const ActivationAnswer = closed({
  certificates: Type.Array(PemCertificate, { minItems: 1, maxItems: 4 }),
});
export type ActivationAnswer = Type.Static<typeof ActivationAnswer>;

/**
 * POST /v1/enrollments/{id}/renewals at the CA, answered with an EnrollmentChallenge: the AK and the EK are
 * those recorded under that enrolment, so nothing is left to say.
 */
export const RenewalRequest = closed({});
export type RenewalRequest = Type.Static<typeof RenewalRequest>;

/** GET /v1/bundle at the CA, polled by the server: the flat list of issuers by key id. */
export const CaBundle = closed({
  schema: Type.Literal('touchstone/ca-bundle/1'),
  epoch: Uint32,
  anchors: Type.Array(PemCertificate, { minItems: 1, maxItems: 8 }),
  issuers: Type.Array(
    closed({
      keyId: Type.String({ pattern: '^[0-9a-f]{40,64}$', maxLength: 64 }),
      certificate: PemCertificate,
      state: oneOf('active', 'verify-only', 'refused'),
      /** Of one that is refused. */
      reason: Type.Optional(oneOf('retired', 'compromised')),
    }),
    { minItems: 1, maxItems: 32 },
  ),
  /** Hosts that should renew now: those with a certificate of this issuer, or of these the ones that are named. */
  renewals: Type.Optional(
    Type.Array(
      closed({
        issuerKeyId: Type.String({ pattern: '^[0-9a-f]{40,64}$', maxLength: 64 }),
        ekRefs: Type.Optional(Type.Array(Sha256Hex, { minItems: 1, maxItems: 100 })),
      }),
      { maxItems: 32 },
    ),
  ),
});
export type CaBundle = Type.Static<typeof CaBundle>;

/**
 * The key that secrets are bound to, a child of the same EK as the AK, which certified it over the enrolment's
 * challenge: extraData = SHA-256("touchstone/binding/1" NUL challenge). TPM2B_PUBLIC, TPMS_ATTEST, TPMT_SIGNATURE,
 * and the EK's Qualified Name, which is checked and forgotten.
 */
export const BindingKey = closed({
  public: base64UrlUpTo(1_024),
  attest: base64UrlUpTo(1_024),
  signature: base64UrlUpTo(1_024),
  parentQualifiedName: NameHex,
});
export type BindingKey = Type.Static<typeof BindingKey>;

/** POST /v1/hosts at the server. The first evidence has purpose `enrol` and hostId null. */
export const HostEnrolment = closed({
  certificates: Type.Array(PemCertificate, { minItems: 1, maxItems: 4 }),
  akPublic: base64UrlUpTo(1_024),
  evidence: Evidence,
  binding: BindingKey,
  name: Slug,
  joinToken: Type.Optional(Type.String({ pattern: '^tsj_[A-Za-z0-9_-]{20,128}$', maxLength: 132 })),
});
export type HostEnrolment = Type.Static<typeof HostEnrolment>;

export const HostEnrolmentAnswer = closed({
  hostId: Uuid,
  state: HostState,
  class: AssuranceClass,
  intervalSeconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
  note: Type.Optional(LineOfText(512)),
});
export type HostEnrolmentAnswer = Type.Static<typeof HostEnrolmentAnswer>;

/** PUT /v1/hosts/{id}/certificate at the server: a renewed AK certificate of a known host. */
export const CertificateRenewal = closed({
  certificates: Type.Array(PemCertificate, { minItems: 1, maxItems: 4 }),
});
export type CertificateRenewal = Type.Static<typeof CertificateRenewal>;

/** The certificate that the server now holds the host's evidence to. */
export const CertificateRenewalAnswer = closed({ hostId: Uuid, notAfter: Timestamp });
export type CertificateRenewalAnswer = Type.Static<typeof CertificateRenewalAnswer>;
