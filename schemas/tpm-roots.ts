import { Type } from 'typebox';
import { AssuranceClass } from './classes.ts';
import {
  base64UrlUpTo,
  closed,
  HttpsUrl,
  LineOfText,
  oneOf,
  Sha256Hex,
  Timestamp,
  Uint32,
} from './scalars.ts';

/** Which EKs of a maker's TPMs are taken, where it certifies more than one in a TPM. */
export const EkAlgorithm = oneOf('ecc', 'rsa', 'any');
export type EkAlgorithm = Type.Static<typeof EkAlgorithm>;

const Text = LineOfText(512);
const OrNull = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Count = Type.Integer({ minimum: 0, maximum: 10_000_000 });
/** One certificate, DER. */
const Certificate = base64UrlUpTo(16_384);

/** Where a certificate came from, and who took it. */
export const Provenance = closed({
  /** Of the list of makers' certificates that this CA came with; null where it is not on it. */
  listVersion: OrNull(Uint32),
  source: Text,
  url: OrNull(Text),
  licence: Text,
  /** When it was fetched or seen there. */
  date: OrNull(LineOfText(10)),
  by: LineOfText(128),
  at: Timestamp,
});
export type Provenance = Type.Static<typeof Provenance>;

/**
 * A certificate of a maker of TPMs. `class` and `ekAlgorithm` are a root's alone: intermediates are links of a
 * chain and are trusted for nothing. `admitted`: the EKs whose newest certificate this root vouched for.
 */
export const TpmRoot = closed({
  fingerprint: Sha256Hex,
  kind: oneOf('root', 'intermediate'),
  /** `configuration`: named in the CA's own file, by whoever holds its machine. */
  from: oneOf('bundle', 'configuration'),
  maker: LineOfText(128),
  subject: Text,
  class: OrNull(AssuranceClass),
  ekAlgorithm: OrNull(EkAlgorithm),
  notBefore: Timestamp,
  notAfter: Timestamp,
  admitted: Count,
  provenance: OrNull(Provenance),
});
export type TpmRoot = Type.Static<typeof TpmRoot>;

/** GET /v1/operator/tpm-roots at the CA: every root, and the intermediates beside them. */
export const TpmRootList = closed({
  schema: Type.Literal('touchstone/tpm-roots/1'),
  /** Rises with every change. */
  version: Uint32,
  /** Of the list that matches at once. */
  listVersion: Uint32,
  /** Where certificates of many makers can be had at once. */
  collections: Type.Array(closed({ name: LineOfText(128), url: HttpsUrl }), { maxItems: 8 }),
  roots: Type.Array(TpmRoot, { maxItems: 1_000 }),
  intermediates: Type.Array(TpmRoot, { maxItems: 4_000 }),
  /** EKs that hold a certificate and that no root vouches for: by a pin, or software that said so. */
  admittedByPin: Count,
  admittedAsSoftware: Count,
  /** Those that activated last before it was written down by what. */
  admittedUnrecorded: Count,
  /** Those that wait for an administrator. */
  waiting: Count,
});
export type TpmRootList = Type.Static<typeof TpmRootList>;

/** GET /v1/operator/tpm-roots-export at the CA: as the list, with the certificates. */
export const TpmRootExport = closed({
  schema: Type.Literal('touchstone/tpm-roots-export/1'),
  version: Uint32,
  certificates: Type.Array(closed({ record: TpmRoot, der: Certificate }), { maxItems: 5_000 }),
});
export type TpmRootExport = Type.Static<typeof TpmRootExport>;

/** POST /v1/operator/tpm-roots-import at the CA. `name` is for the report alone. */
export const TpmRootImport = closed({
  certificates: Type.Array(closed({ name: LineOfText(1_024), der: Certificate }), {
    minItems: 1,
    maxItems: 64,
  }),
});
export type TpmRootImport = Type.Static<typeof TpmRootImport>;

/**
 * What became of one certificate. `taken`: it is on the list, or, of an intermediate, a root that is trusted has
 * signed it. `class-needed`: on the list, and of no single class. `not-on-list`: somebody has to add it, with its
 * provenance. `no-root`: an intermediate that leads to no trusted root.
 */
export const TpmRootImportOutcome = closed({
  name: LineOfText(1_024),
  outcome: oneOf(...['taken', 'already', 'class-needed', 'not-on-list', 'no-root', 'malformed']),
  kind: OrNull(oneOf('root', 'intermediate')),
  fingerprint: OrNull(Sha256Hex),
  subject: OrNull(Text),
  maker: OrNull(LineOfText(128)),
  class: OrNull(AssuranceClass),
  detail: OrNull(Text),
});
export type TpmRootImportOutcome = Type.Static<typeof TpmRootImportOutcome>;

/** The answer, in the order of what was sent. */
export const TpmRootImported = closed({
  version: Uint32,
  outcomes: Type.Array(TpmRootImportOutcome, { maxItems: 64 }),
});
export type TpmRootImported = Type.Static<typeof TpmRootImported>;

/** POST /v1/operator/tpm-roots at the CA: a root by hand. */
export const TpmRootAddition = closed({
  der: Certificate,
  class: AssuranceClass,
  maker: LineOfText(128),
  ekAlgorithm: EkAlgorithm,
  source: Text,
  url: OrNull(Text),
  licence: Text,
  date: OrNull(Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$', maxLength: 10 })),
  reason: Text,
});
export type TpmRootAddition = Type.Static<typeof TpmRootAddition>;

/** POST /v1/operator/tpm-roots/{fingerprint}/removal at the CA. */
export const TpmRootRemoval = closed({ reason: Text });
export type TpmRootRemoval = Type.Static<typeof TpmRootRemoval>;

/** An EK that a root admitted: who it is at the server, and until when what it holds is believed. */
export const AdmittedKey = closed({
  ekRef: Sha256Hex,
  class: AssuranceClass,
  lastActivatedAt: Timestamp,
  /** Of its newest certificate; null where it has ended or is revoked. */
  certificateUntil: OrNull(Timestamp),
});
export type AdmittedKey = Type.Static<typeof AdmittedKey>;

/**
 * GET /v1/operator/tpm-roots/{fingerprint}/admitted at the CA, and the answer to a removal: what it means. The
 * certificates that there are hold until they end; no renewal follows.
 */
export const TpmRootAdmitted = closed({
  version: Uint32,
  root: TpmRoot,
  count: Count,
  /** When the last of their certificates ends; null where there is none. */
  lastUntil: OrNull(Timestamp),
  keys: Type.Array(AdmittedKey, { maxItems: 1_000 }),
});
export type TpmRootAdmitted = Type.Static<typeof TpmRootAdmitted>;
