import {
  JsonError,
  parseStrictJson,
  checkAgainst,
  SchemaError,
  Statement,
} from '@touchstone/schemas';
import type { Evidence } from '@touchstone/schemas';
import {
  type BankName,
  hashHex,
  hashOfBank,
  ParseError,
  parseTpmsAttest,
  parseTpmtSignature,
  type PcrValues,
  type TpmsAttest,
  type TpmtSignature,
} from '@touchstone/tpm';
import { bytesOfBase64Url, bytesOfHex } from './bytes.ts';
import { EvidenceError, type EvidenceErrorCode } from './evidence-error.ts';
import { requireOneVersion } from './statement-version.ts';

/** Evidence that could be read. Every word of it is still a claim. */
export type ParsedEvidence = {
  readonly statement: Statement;
  readonly statementBytes: Uint8Array;
  readonly attest: TpmsAttest;
  readonly attestBytes: Uint8Array;
  readonly signature: TpmtSignature;
  readonly pcrs: PcrValues;
  /** By the digest that the sender claims, lower-case hex. */
  readonly claimedBlobs: ReadonlyMap<string, Uint8Array>;
  /** Of IMA's list, as it was read after the quote; undefined where none was sent. */
  readonly claimedImaList: { readonly entries: Uint8Array; readonly more: boolean } | undefined;
};

/** Of 256 requests with some images each. Deeper or with more parts than any statement has, it is not read. */
const STATEMENT_LIMITS = { maxBytes: 524_288, maxDepth: 8, maxTokens: 65_536 };

/** Reads evidence whole. @throws EvidenceError */
export function parseEvidence(evidence: Evidence): ParsedEvidence {
  const statementBytes = base64Url(evidence.statement, 'statement');
  const attestBytes = base64Url(evidence.quote.attest, 'quote.attest');
  const signatureBytes = base64Url(evidence.quote.signature, 'quote.signature');
  return {
    statement: parseStatement(statementBytes),
    statementBytes,
    attest: structure('quote.attest', () => parseTpmsAttest(attestBytes)),
    attestBytes,
    signature: structure('quote.signature', () => parseTpmtSignature(signatureBytes)),
    pcrs: parsePcrs(evidence.pcrs),
    claimedBlobs: new Map(
      Object.entries(evidence.blobs).map(([digest, text]) => [
        digest,
        base64Url(text, `blobs.${digest}`),
      ]),
    ),
    claimedImaList:
      evidence.imaList === undefined
        ? undefined
        : {
            entries: base64Url(evidence.imaList.entries, 'imaList.entries'),
            more: evidence.imaList.more === true,
          },
  };
}

/** What names this evidence: SHA-256 of its TPMS_ATTEST, lower-case hex. No two quotes are equal. */
export function evidenceDigestOf(evidence: Pick<ParsedEvidence, 'attestBytes'>): string {
  return hashHex('sha256', evidence.attestBytes);
}

function parseStatement(bytes: Uint8Array): Statement {
  try {
    const statement = checkAgainst(Statement, parseStrictJson(bytes, STATEMENT_LIMITS));
    requireOneVersion(statement);
    return statement;
  } catch (cause) {
    if (cause instanceof JsonError) {
      const { code, offset } = cause;
      throw new EvidenceError('STATEMENT_MALFORMED', 'statement', { offset, cause, detail: code });
    }
    if (cause instanceof SchemaError) {
      const field = `statement${cause.field}`;
      throw new EvidenceError('STATEMENT_MALFORMED', field, { cause, detail: cause.message });
    }
    throw cause;
  }
}

const STRUCTURE_CODES: Readonly<Record<string, EvidenceErrorCode>> = {
  BAD_MAGIC: 'NOT_TPM_GENERATED',
  NOT_A_QUOTE: 'NOT_A_QUOTE',
  TRUNCATED: 'TRUNCATED',
  TRAILING_BYTES: 'TRAILING_BYTES',
};

function structure<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ParseError)) throw cause;
    const code = STRUCTURE_CODES[cause.code] ?? 'QUOTE_MALFORMED';
    const { offset, message: detail } = cause;
    throw new EvidenceError(code, `${field}.${cause.field}`, { offset, cause, detail });
  }
}

function parsePcrs(pcrs: Evidence['pcrs']): PcrValues {
  const banks = new Map<BankName, ReadonlyMap<number, Uint8Array>>();
  for (const bank of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
    const values = pcrs[bank];
    if (values === undefined) continue;
    const entries = Object.entries(values).map(
      ([pcr, text]) => [pcrIndex(pcr, bank), pcrValue(text, bank, pcr)] as const,
    );
    banks.set(bank, new Map(entries));
  }
  return banks;
}

function pcrIndex(text: string, bank: BankName): number {
  if (/^(1?[0-9]|2[0-3])$/.test(text)) return Number(text);
  throw new EvidenceError('EVIDENCE_MALFORMED', `pcrs.${bank}`, { detail: 'no such PCR' });
}

function pcrValue(text: string, bank: BankName, pcr: string): Uint8Array {
  const value = bytesOfHex(text);
  if (value?.length === hashOfBank(bank).size) return value;
  const detail = `no ${bank} digest`;
  throw new EvidenceError('EVIDENCE_MALFORMED', `pcrs.${bank}.${pcr}`, { detail });
}

function base64Url(text: string, field: string): Uint8Array {
  const bytes = bytesOfBase64Url(text);
  if (bytes !== undefined) return bytes;
  throw new EvidenceError('EVIDENCE_MALFORMED', field, { detail: 'not canonical base64url' });
}
