import { type Finding } from '@touchstone/schemas';
import { finding, REASONS } from '@touchstone/appraisal';
import { EVENTLOG_CODES, IMA_LIMITS, type ImaSurvey, surveyImaList } from '@touchstone/eventlog';
import { ParseError, TPM_CODES } from '@touchstone/tpm';
import { MalformedFile } from './malformed-file.ts';

/** One byte over the limit is read as well, so that a file of any size is told that it is too large. */
export const MAX_IMA_BYTES_READ = IMA_LIMITS.maxBytes + 1;

/** What `touchstone inspect ima --json` prints: names and forms are an interface. */
export type ImaReport = {
  readonly entries: number;
  readonly violations: number;
  /**
   * All entries extended, in order, into one PCR that was zero: PCR 10, but for a host whose IMA policy
   * sends some to another one. Each bank with hashes of its own algorithm: nothing in a list says that
   * its kernel padded SHA-1 instead.
   */
  readonly pcrs: { readonly sha1: string; readonly sha256: string };
  readonly findings: readonly Finding[];
};

export type InspectedIma = { readonly report: ImaReport; readonly survey: ImaSurvey };

const TABLE = new Map<string, { readonly title: string; readonly remedy: string }>(
  Object.entries({ ...REASONS, ...TPM_CODES, ...EVENTLOG_CODES }),
);
const UNTOLD = { title: 'The file is malformed', remedy: 'Export it again, whole and unchanged.' };

export const titleOfImaCode = (code: string): string | undefined => TABLE.get(code)?.title;

/**
 * A list by itself, ascii or binary, without a quote: it says what somebody wrote, not what was measured.
 *
 * @throws MalformedFile
 */
export function inspectIma(bytes: Uint8Array): InspectedIma {
  const survey = surveyed(bytes);
  const { entries, violations, whole } = survey;
  const pcrs = { sha1: hexOf(whole.sha1), sha256: hexOf(whole.sha256) };
  return { survey, report: { entries, violations, pcrs, findings: findingsOf(survey) } };
}

function surveyed(bytes: Uint8Array): ImaSurvey {
  try {
    return surveyImaList(bytes);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new MalformedFile(error, TABLE.get(error.code) ?? UNTOLD, error);
  }
}

function findingsOf({ mismatches: { count, first } }: ImaSurvey): Finding[] {
  if (first === undefined) return [];
  const more = count === 1 ? '' : `, and ${count - 1} more`;
  const actual = `the digest of entry ${first} is of something else${more}`;
  return [finding('IMA_TEMPLATE_HASH_MISMATCH', { subject: 'IMA list', actual })];
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
