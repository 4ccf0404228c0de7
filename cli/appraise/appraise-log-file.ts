import {
  appraiseLog,
  BaselineError,
  type LogAppraisal,
  parseBaselines,
  REASONS,
} from '@touchstone/appraisal';
import { EVENTLOG_CODES, surveyImaList } from '@touchstone/eventlog';
import type { AssuranceClass, Baseline } from '@touchstone/schemas';
import { ParseError, TPM_CODES } from '@touchstone/tpm';
import { CliError } from '../codes.ts';
import type { NamedBytes } from '../input.ts';
import { MalformedFile } from '../inspect/malformed-file.ts';

export type NamedText = { readonly file: string; readonly text: string };

/** A bare log's appraisal as --json gives it; the field says that no TPM vouches for any of it. */
export type LogReport = Omit<LogAppraisal, 'pcrs'> & {
  readonly provedByTpm: false;
  readonly pcrs: Readonly<Record<string, Readonly<Record<string, string>>>>;
};

const TABLE = new Map<string, MalformedFile['said']>(
  Object.entries({ ...REASONS, ...TPM_CODES, ...EVENTLOG_CODES }),
);
const UNTOLD = { title: 'The file is malformed', remedy: 'Export it again, whole and unchanged.' };
const NO_BASELINE = {
  title: 'The baseline cannot be read',
  remedy: 'Correct the line, or export the baseline anew.',
};

/** Any title that the report's findings may have. */
export const titleOfCode = (code: string): string | undefined => TABLE.get(code)?.title;

/**
 * Holds a log, and IMA's list where it is given, against the documents of files, as hosts of `asked` class; by
 * default the first class that all the documents are for.
 *
 * @throws MalformedFile, CliError CLASS_UNTOLD, IMA_POLICY_NONE
 */
export function appraiseLogFile(
  {
    log,
    ima,
    files,
  }: {
    readonly log: NamedBytes;
    readonly ima: NamedBytes | undefined;
    readonly files: readonly NamedText[];
  },
  asked: AssuranceClass | undefined,
  now: Date,
): LogReport {
  const baselines = files.flatMap(documentsOf);
  const held = asked ?? commonClass(baselines);
  if (held === undefined) throw new CliError('CLASS_UNTOLD');
  if (ima !== undefined) {
    readOrRefuse(ima, surveyImaList);
    if (baselines.every((one) => one.ima === undefined)) throw new CliError('IMA_POLICY_NONE');
  }
  const { pcrs, ...appraisal } = readOrRefuse(log, (bytes) =>
    appraiseLog(bytes, { class: held, baselines, ima: ima?.bytes, now }),
  );
  return { ...appraisal, provedByTpm: false, pcrs: hexValues(pcrs) };
}

function readOrRefuse<T>({ file, bytes }: NamedBytes, read: (bytes: Uint8Array) => T): T {
  try {
    return read(bytes);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new MalformedFile(error, TABLE.get(error.code) ?? UNTOLD, error, file);
  }
}

function documentsOf({ file, text }: NamedText): Baseline[] {
  try {
    return parseBaselines(text);
  } catch (error) {
    if (!(error instanceof BaselineError)) throw error;
    const { code, document, field = '', line, reason } = error;
    const lines = text.split('\n').slice(0, (line ?? 1) - 1);
    const offset = lines.reduce((sum, one) => sum + Buffer.byteLength(one) + 1, 0);
    const place = line === undefined ? `document ${document}` : `line ${line}`;
    const said = { ...NO_BASELINE, title: `${NO_BASELINE.title}: ${place}, ${reason}` };
    throw new MalformedFile({ code, field: field || 'document', offset }, said, error, file);
  }
}

const commonClass = (baselines: readonly Baseline[]): AssuranceClass | undefined =>
  baselines[0]?.match.class.find((one) =>
    baselines.every(({ match }) => match.class.includes(one)),
  );

const hexValues = (pcrs: LogAppraisal['pcrs']): LogReport['pcrs'] =>
  Object.fromEntries(
    [...pcrs].map(([bank, values]) => [
      bank,
      Object.fromEntries(
        [...values].map(([pcr, value]) => [pcr, Buffer.from(value).toString('hex')]),
      ),
    ]),
  );
