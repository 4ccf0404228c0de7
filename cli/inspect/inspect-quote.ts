import { REASONS } from '@touchstone/appraisal';
import type { Finding } from '@touchstone/schemas';
import { ParseError, parseTpmsAttest, TPM_CODES, type TpmsAttest } from '@touchstone/tpm';
import { akNameOf, readAttestationKey } from './attestation-key.ts';
import { MalformedFile } from './malformed-file.ts';
import { readPcrValues } from './pcr-values.ts';
import { akFindings, nonceFindings, pcrFindings, signatureFindings } from './quote-findings.ts';
import { FILE_REASONS, QUOTE_REASONS } from './quote-reasons.ts';
import { readQuoteSignature, verifyQuoteSignature } from './quote-signature.ts';

/** What `touchstone inspect quote --json` prints: names and forms are an interface. */
export type QuoteReport = {
  /** No finding speaks against the quote; what was not looked at is a warning. */
  readonly verified: boolean;
  readonly findings: readonly Finding[];
  readonly attest: ReportedAttest;
};

/** TPMS_ATTEST, its byte strings as lower-case hex and its UINT64 as decimal digits. */
export type ReportedAttest = {
  readonly magic: string;
  readonly type: 'quote';
  readonly qualifiedSigner: string;
  readonly extraData: string;
  readonly clockInfo: {
    readonly clock: string;
    readonly resetCount: number;
    readonly restartCount: number;
    readonly safe: boolean;
  };
  /** 16 hex digits: makers put their versions side by side in it. */
  readonly firmwareVersion: string;
  readonly quote: {
    readonly pcrSelect: TpmsAttest['quote']['pcrSelect'];
    readonly pcrDigest: string;
  };
};

/** What was read, as the files or the option that it came in. */
export type QuoteFiles = {
  readonly attest: Uint8Array;
  readonly signature: Uint8Array;
  readonly ak: Uint8Array;
  readonly pcrs?: Uint8Array | undefined;
  readonly nonce?: Uint8Array | undefined;
};

const TABLE = new Map<string, { readonly title: string; readonly remedy: string }>(
  Object.entries({ ...TPM_CODES, ...REASONS, ...QUOTE_REASONS, ...FILE_REASONS }),
);
const UNTOLD = { title: 'A file is malformed', remedy: 'Export it again, whole and unchanged.' };

/** The title of any code that the report of a quote may hold. */
export const titleOfQuoteCode = (code: string): string | undefined => TABLE.get(code)?.title;

/**
 * A quote by itself. `verified` says that
 * - it is signed by the AK, in the AK's own scheme with a hash that is SHA-256 or better;
 * - it is a TPM's, and the AK, if its public area was given, signs nothing else in that form;
 * - it selects PCRs; and it carries the nonce and covers the values, if they were given.
 *
 * Whose AK that is, and whether the values are good, it does not say.
 *
 * @throws MalformedFile
 */
export function inspectQuote(files: QuoteFiles): {
  readonly report: QuoteReport;
  /** Lower-case hex; undefined of a key that came without its public area. */
  readonly akName: string | undefined;
} {
  const ak = structure('ak', () => readAttestationKey(files.ak));
  const attest = structure('attest', () => parseTpmsAttest(files.attest));
  const signature = structure('signature', () => readQuoteSignature(files.signature, ak, attest));
  const { pcrs: given } = files;
  const values = given && structure('pcrs', () => readPcrValues(given));
  const findings = [
    ...signatureFindings(verifyQuoteSignature(ak, signature, files.attest), ak, signature),
    ...akFindings(ak),
    ...nonceFindings(attest, files.nonce),
    ...pcrFindings(attest, values, signature.hash),
  ];
  const verified = findings.every(({ effect }) => effect !== 'enforce');
  return { report: { verified, findings, attest: reported(attest) }, akName: akNameOf(ak) };
}

function reported(attest: TpmsAttest): ReportedAttest {
  const { magic, type, clockInfo, firmwareVersion, quote } = attest;
  return {
    magic: magic.toString(16),
    type,
    qualifiedSigner: hexOf(attest.qualifiedSigner),
    extraData: hexOf(attest.extraData),
    clockInfo: { ...clockInfo, clock: clockInfo.clock.toString() },
    firmwareVersion: firmwareVersion.toString(16).padStart(16, '0'),
    quote: { pcrSelect: quote.pcrSelect, pcrDigest: hexOf(quote.pcrDigest) },
  };
}

/** Several files are read, so the field says which of them. */
function structure<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const { code, offset } = error;
    const field = error.field === '' ? file : `${file}.${error.field}`;
    throw new MalformedFile({ code, field, offset }, TABLE.get(code) ?? UNTOLD, error);
  }
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
