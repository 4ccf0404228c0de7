import { Type } from 'typebox';
import {
  base64UrlUpTo,
  closed,
  DigestHex,
  hexUpTo,
  LineOfText,
  mapOf,
  NameHex,
  oneOf,
  Sha256Hex,
  Uint32,
  Uuid,
} from './scalars.ts';
import { DiskName, Door, Operation } from './door.ts';
import { GateReport } from './gate-report.ts';

/** Banks of PCRs by the names of their hash algorithms. */
export const Bank = oneOf('sha1', 'sha256', 'sha384', 'sha512', 'sm3_256');

/** Those that a selection can name. */
const QuotedBank = oneOf('sha1', 'sha256', 'sha384', 'sha512');

const PcrIndices = Type.Array(Type.Integer({ minimum: 0, maximum: 23 }), {
  maxItems: 24,
  uniqueItems: true,
});

/** PCRs by bank, each list ascending. */
export const Selection = closed({
  sha1: Type.Optional(PcrIndices),
  sha256: Type.Optional(PcrIndices),
  sha384: Type.Optional(PcrIndices),
  sha512: Type.Optional(PcrIndices),
});
export type Selection = Type.Static<typeof Selection>;

/** What a statement, and the challenge that it answers, is for. */
export const Purpose = oneOf('attest', 'permit', 'prove', 'enrol');
export type Purpose = Type.Static<typeof Purpose>;

/** A log by the digest of its bytes; the bytes travel beside the statement, in `blobs`. */
export const BootLogReference = closed({
  kind: Type.Literal('boot'),
  algorithm: oneOf('sha256'),
  digest: Sha256Hex,
  size: Uint32,
});

/**
 * That IMA's list comes along, from this entry on, in `imaList`. It names no digest: the list is read after the
 * quote, so that everything that was extended is in it, and PCR 10 alone vouches for it (decision 32).
 */
export const ImaListReference = closed({ kind: Type.Literal('ima'), fromEntry: Uint32 });

export const LogReference = Type.Union([BootLogReference, ImaListReference]);
export type LogReference = Type.Static<typeof LogReference>;

/**
 * One request to start one VM. `definitionDigest` and `imageDigests` are SHA-256; `imageDigests` are of every image
 * whose content was read: disks with what lies behind them, kernel, initrd, firmware. From `touchstone/statement/2` on:
 * `door`; `dataDisks`, which were not read, since the VM's record calls them data or sealed; `savedState`, in a restore,
 * SHA-256 of the file as this host saw it saved, or null where it did not.
 */
export const StartRequest = closed({
  requestId: Uuid,
  vm: Uuid,
  operation: Operation,
  definitionDigest: Sha256Hex,
  imageDigests: Type.Array(Sha256Hex, { maxItems: 64 }),
  door: Type.Optional(Door),
  dataDisks: Type.Optional(Type.Array(DiskName, { maxItems: 64, uniqueItems: true })),
  savedState: Type.Optional(Type.Union([Sha256Hex, Type.Null()])),
});
export type StartRequest = Type.Static<typeof StartRequest>;

/** Of requests that share one statement. */
export const MAX_PERMITS = 256;

/** Facts that only the host itself vouches for: no rule turns a verdict better because of one. */
export const SelfReported = closed({
  claimedHostname: LineOfText(253),
  claimedKernel: LineOfText(128),
  agentVersion: LineOfText(64),
  /** Banks that the TPM has and that hold nothing of this boot. */
  claimedEmptyBanks: Type.Optional(Type.Array(QuotedBank, { maxItems: 4, uniqueItems: true })),
  /** Of the last result that it was given: `ear.appraisal-policy-id`. Absent where there was none since it started. */
  claimedPolicyId: Type.Optional(LineOfText(512)),
  /**
   * What would be measured if the host were restarted now, as far as that is on its disk: SHA-256, of a software TPM's
   * events that would differ, or of the images that a machine with a chip has to start (Authenticode). Only what a
   * finding advises follows from it.
   */
  claimedNextBoot: Type.Optional(Type.Array(Sha256Hex, { maxItems: 64, uniqueItems: true })),
});
export type SelfReported = Type.Static<typeof SelfReported>;

/**
 * What the host states, signed by its AK through the quote's extraData:
 * SHA-256("touchstone/" purpose "/1" NUL || u16(length) challenge || SHA-256(statement bytes)).
 * It is hashed as received and parsed afterwards.
 */
export const Statement = closed({
  schema: oneOf('touchstone/statement/1', 'touchstone/statement/2'),
  purpose: Purpose,
  hostId: Type.Union([Uuid, Type.Null()]),
  akName: NameHex,
  bundleEpoch: Uint32,
  challenge: Type.Union([base64UrlUpTo(64), Type.Literal('')]),
  selection: Selection,
  logs: Type.Array(LogReference, { maxItems: 4 }),
  selfReported: SelfReported,
  /** Of the first version exactly one. */
  permits: Type.Optional(Type.Array(StartRequest, { minItems: 1, maxItems: MAX_PERMITS })),
  /** nonceTPM of the policy session in which a release key would be unsealed. Second version, `permit`. */
  sessionNonce: Type.Optional(hexUpTo(64)),
  /** What a caller gave, in `prove`. */
  nonce: Type.Optional(hexUpTo(64)),
  /** Second version, `attest`. */
  gate: Type.Optional(GateReport),
});
export type Statement = Type.Static<typeof Statement>;

const PcrValues = mapOf('^(1?[0-9]|2[0-3])$', DigestHex, 24);

/** What one piece of evidence carries of an IMA list, in bytes. */
export const IMA_SEGMENT_MAX_BYTES = 2_097_152;

/**
 * Entries of IMA's list (binary_runtime_measurements) from where the statement says, whole ones. `more`: the list went
 * on when it was read, and the rest comes with the next evidence.
 */
export const ImaList = closed({
  entries: Type.Union([base64UrlUpTo(IMA_SEGMENT_MAX_BYTES), Type.Literal('')]),
  more: Type.Optional(Type.Literal(true)),
});
export type ImaList = Type.Static<typeof ImaList>;

/** Evidence (RFC 9334, 8.1) as it crosses the wire. */
export const Evidence = closed({
  schema: Type.Literal('touchstone/evidence/1'),
  statement: base64UrlUpTo(524_288),
  quote: closed({ attest: base64UrlUpTo(1_024), signature: base64UrlUpTo(1_024) }),
  pcrs: closed({
    sha1: Type.Optional(PcrValues),
    sha256: Type.Optional(PcrValues),
    sha384: Type.Optional(PcrValues),
    sha512: Type.Optional(PcrValues),
  }),
  blobs: mapOf('^[0-9a-f]{64}$', base64UrlUpTo(16_777_216), 4),
  imaList: Type.Optional(ImaList),
});
export type Evidence = Type.Static<typeof Evidence>;
