import { parseAkCertificate } from '@touchstone/endorsement';
import {
  type Baseline,
  BASELINE_JSON_MAX_BYTES,
  checkAgainst,
  type Evidence,
  JsonError,
  type OwnContext,
  parseStrictJson,
  SchemaError,
  type SharedContext,
  StoredContext,
} from '@touchstone/schemas';
import { encodeTpm2bPublic, hashHex, ParseError, parseTpm2bPublic } from '@touchstone/tpm';
import type { AppraisalContext } from '../appraisal-context.ts';
import { type Appraisal, appraiseWith } from '../appraise.ts';
import { bytesOfBase64Url } from '../bytes.ts';
import { ContextError } from './context-error.ts';
import { knownBaseline } from '../baseline/known-baseline.ts';
import { canonicalJson } from './outcome-bytes.ts';
import { revocationIn, trimmedList } from './stored-revocation.ts';
import type { VerificationContext } from '../verification-context.ts';
import type { VerifiedEvidence } from '../verify-evidence.ts';

/** A context as it is stored beside a verdict: what is the verdict's own, and what all hosts of one policy share. */
export type WrittenContext = {
  readonly own: OwnContext;
  readonly shared: WrittenSharedContext;
  /** Of the whole: `contextDigestOf`. */
  readonly digest: string;
};

export type WrittenSharedContext = {
  /** The JSON of a `SharedContext`, and its SHA-256 in lower-case hex. */
  readonly text: string;
  readonly digest: string;
  /** The JSON of each document that it names, by digest. Written out when asked for, which is once a day. */
  readonly documents: ReadonlyMap<string, () => string>;
};

/** SHA-256 over the canonical JSON of `{ own, shared: digest of the shared part }`, lower-case hex. */
export const contextDigestOf = (own: OwnContext, shared: string): string =>
  digestOfText(canonicalJson({ own, shared }));

/**
 * What evidence was verified and appraised against, as plain data. The challenge is in the statement already: that it
 * was ours, live and for this AK was found when the evidence came, and can be found at no other time.
 *
 * @throws TypeError where the two contexts are not of one host, for then nobody could read them back
 */
export function writeContext(
  { against }: Pick<VerifiedEvidence, 'against'>,
  appraisal: AppraisalContext,
): WrittenContext {
  // Whoever adds a field to a context finds here that it has to be stored: nothing may be left over.
  const { hostId, class: held, labels, baselines, now, ...more } = appraisal;
  const { windows = [], known = [], ima, ...leftOfAppraisal } = more;
  const { purpose, hostId: stated, challenge: _inStatement, selection, ...verified } = against;
  const { akPublic, akCertificate, issuers, bundleEpochMin = null, ...others } = verified;
  const { now: receivedAt, revocation, ...leftOfVerification } = others;
  nothingLeft(leftOfAppraisal);
  nothingLeft(leftOfVerification);
  if (stated !== statedIdOf({ purpose, hostId })) throw new TypeError('contexts of two hosts');

  const documents = new Map<string, () => string>();
  const named = (some: readonly Baseline[]): string[] =>
    some.map((document) => {
      const { digest } = knownBaseline(document);
      documents.set(digest, () => JSON.stringify(document));
      return digest;
    });
  const shared: SharedContext = {
    schema: 'touchstone/shared-context/1',
    issuers: issuers.map(({ keyId, certificate, state, reason }) => ({
      ...{ keyId, certificate: base64Url(certificate), state },
      ...(reason === undefined ? {} : { reason }),
    })),
    baselines: named(baselines),
    windows: windows.map(({ documents: some, ...window }) => ({
      ...window,
      documents: named(some),
    })),
    known: named(known),
  };
  const text = JSON.stringify(shared);
  const own: OwnContext = {
    ...{ purpose, hostId, class: held, labels, selection, bundleEpochMin },
    akPublic: base64Url(encodeTpm2bPublic(akPublic)),
    akCertificate: base64Url(akCertificate.der),
    receivedAt: receivedAt.toISOString(),
    now: now.toISOString(),
    imaPrior: ima?.prior ?? null,
    ...(revocation === undefined ? {} : { crl: trimmedList(akCertificate, revocation) }),
  };
  const digest = digestOfText(text);
  return { own, shared: { text, digest, documents }, digest: contextDigestOf(own, digest) };
}

/** What a context says, read back: without the challenge, which the evidence has. */
type ReadContext = {
  readonly verification: Omit<VerificationContext, 'challenge'>;
  readonly appraisal: AppraisalContext;
};

/** A context out of a file or an answer. @throws ContextError for what is none */
function readContext(data: unknown): ReadContext {
  const { own, shared, documents } = checked(data);
  const read = new Map<string, Baseline>();
  for (const [digest, text] of Object.entries(documents)) {
    read.set(digest, documentIn(text, digest));
  }
  const named = (digests: readonly string[], field: string): Baseline[] =>
    digests.map((digest) => {
      const document = read.get(digest);
      if (document !== undefined) return document;
      throw new ContextError(`/shared/${field}`, `the document ${digest} is not here`);
    });
  const akCertificate = inField('/own/akCertificate', () =>
    parseAkCertificate(bytesOf(own.akCertificate)),
  );
  const verification: Whole<ReadContext['verification']> = {
    purpose: own.purpose,
    hostId: statedIdOf(own),
    akPublic: inField('/own/akPublic', () => parseTpm2bPublic(bytesOf(own.akPublic))),
    akCertificate,
    issuers: shared.issuers.map(({ certificate, ...issuer }) => ({
      ...issuer,
      certificate: bytesOf(certificate),
    })),
    revocation: own.crl === undefined ? undefined : revocationIn(own.crl, akCertificate),
    selection: own.selection,
    now: timeOf(own.receivedAt, '/own/receivedAt'),
    bundleEpochMin: own.bundleEpochMin ?? undefined,
  };
  const appraisal: Whole<AppraisalContext> = {
    hostId: own.hostId,
    class: own.class,
    labels: own.labels,
    baselines: named(shared.baselines, 'baselines'),
    windows: shared.windows.map(({ documents: some, ...window }, index) => ({
      ...window,
      documents: named(some, `windows/${index}/documents`),
    })),
    known: named(shared.known, 'known'),
    ima: own.imaPrior === null ? undefined : { prior: own.imaPrior },
    now: timeOf(own.now, '/own/now'),
  };
  return { verification: present(verification), appraisal: present(appraisal) };
}

/** The same outcome again, from what was stored. @throws ContextError for a context that is none */
export function appraiseStored(evidence: Evidence, context: unknown): Appraisal {
  const { verification, appraisal } = readContext(context);
  return appraiseWith(evidence, appraisal, ({ statement }) => ({
    ...verification,
    challenge: Buffer.from(statement.challenge, 'base64url'),
  }));
}

/** While enrolling, a host has no identifier that it could state. */
const statedIdOf = ({ purpose, hostId }: Pick<OwnContext, 'purpose' | 'hostId'>): string | null =>
  purpose === 'enrol' ? null : hostId;

const nothingLeft = (_left: Readonly<Record<string, never>>): void => {};

/** Every property, the optional ones too: a new one does not compile until it is read back. */
type Whole<T> = {
  readonly [K in keyof Required<T>]: T[K] | (object extends Pick<T, K> ? undefined : never);
};

/** Without what is undefined: exactly that is what an optional property may be. */
const present = <T extends object>(whole: Whole<T>): T =>
  Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined)) as T;

function checked(data: unknown): StoredContext {
  try {
    return checkAgainst(StoredContext, data);
  } catch (cause) {
    if (!(cause instanceof SchemaError)) throw cause;
    throw new ContextError(cause.field, cause.message, cause);
  }
}

/** Well formed or not: what an appraisal makes of a document is part of its outcome. */
function documentIn(text: string, digest: string): Baseline {
  const field = `/documents/${digest}`;
  if (digestOfText(text) !== digest) throw new ContextError(field, 'a document of another digest');
  try {
    return parseStrictJson(Buffer.from(text, 'utf8'), {
      maxBytes: BASELINE_JSON_MAX_BYTES,
    }) as Baseline;
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    throw new ContextError(field, cause.message, cause);
  }
}

function inField<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ParseError)) throw cause;
    throw new ContextError(field, cause.message, cause);
  }
}

function timeOf(text: string, field: string): Date {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw new ContextError(field, 'no time');
  return time;
}

/** SHA-256 over the JSON of plain data, lower-case hex. */
const digestOfText = (text: string): string => hashHex('sha256', Buffer.from(text, 'utf8'));

const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const bytesOf = (text: string): Uint8Array => bytesOfBase64Url(text) ?? new Uint8Array();
