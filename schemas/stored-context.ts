import { Type } from 'typebox';
import { BASELINE_JSON_MAX_BYTES } from './baseline-text.ts';
import { AssuranceClass } from './classes.ts';
import { Purpose, Selection } from './evidence.ts';
import { ImaProgress } from './ima-progress.ts';
import { Labels } from './labels.ts';
import {
  base64UrlUpTo,
  closed,
  hexUpTo,
  LineOfText,
  mapOf,
  oneOf,
  Sha256Hex,
  Timestamp,
  Uuid,
} from './scalars.ts';

/** Of a baseline document: SHA-256 of its JSON. Far more than any deployment has. */
const Documents = Type.Array(Sha256Hex, { maxItems: 100_000 });

/**
 * What all hosts of one policy are held against, stored once for all of their verdicts by the SHA-256 of its
 * JSON. Baselines are named by their digests, in the order in which they count.
 */
export const SharedContext = closed({
  schema: Type.Literal('touchstone/shared-context/1'),
  issuers: Type.Array(
    closed({
      keyId: hexUpTo(64),
      /** DER. */
      certificate: base64UrlUpTo(16_384),
      state: oneOf('active', 'verify-only', 'refused'),
      reason: Type.Optional(oneOf('retired', 'compromised')),
    }),
    { maxItems: 64 },
  ),
  baselines: Documents,
  windows: Type.Array(
    closed({ id: LineOfText(64), name: LineOfText(64), documents: Documents, until: Timestamp }),
    { maxItems: 1_000 },
  ),
  known: Documents,
});
export type SharedContext = Type.Static<typeof SharedContext>;

/** What of a context is one verdict's own: the host, what it was asked, and the times. */
export const OwnContext = closed({
  purpose: Purpose,
  hostId: Uuid,
  class: AssuranceClass,
  labels: Labels,
  selection: Selection,
  /** TPM2B_PUBLIC. */
  akPublic: base64UrlUpTo(2_048),
  /** DER. */
  akCertificate: base64UrlUpTo(16_384),
  bundleEpochMin: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  /**
   * Of the revocation list that the certificate was held against and did not stand in: its number, until when it was
   * good, and for how long after that it still counted. Absent where the CA gave no lists.
   */
  crl: Type.Optional(
    closed({
      number: Type.String({ pattern: '^(0|[1-9][0-9]{0,47})$', maxLength: 48 }),
      nextUpdate: Timestamp,
      graceSeconds: Type.Integer({ minimum: 0, maximum: 31_536_000 }),
    }),
  ),
  /** When the evidence came: what it is verified against is of that time. */
  receivedAt: Timestamp,
  /** When the verdict was given. */
  now: Timestamp,
  /** What earlier evidence of the boot showed of IMA's list. */
  imaPrior: Type.Union([ImaProgress, Type.Null()]),
});
export type OwnContext = Type.Static<typeof OwnContext>;

/**
 * All that an appraisal follows from, beside the evidence, in one file: `touchstone appraise --context`. Of each
 * document it has the JSON, byte for byte, by the SHA-256 that the shared part names it by: one that is malformed by
 * now was a finding, and is to be one again.
 */
export const StoredContext = closed({
  schema: Type.Literal('touchstone/context/1'),
  own: OwnContext,
  shared: SharedContext,
  documents: mapOf('^[0-9a-f]{64}$', Type.String({ maxLength: BASELINE_JSON_MAX_BYTES }), 100_000),
});
export type StoredContext = Type.Static<typeof StoredContext>;
