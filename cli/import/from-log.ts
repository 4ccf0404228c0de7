import { BaselineError, baselinesFromLog, quirksNeeded, REASONS } from '@touchstone/appraisal';
import { EVENTLOG_CODES, parseEventLog, SOFTWARE_VENDOR_INFO } from '@touchstone/eventlog';
import type { AssuranceClass, Baseline, BaselinePart, Labels } from '@touchstone/schemas';
import { ParseError, type StrongHash, TPM_CODES } from '@touchstone/tpm';
import { CliError } from '../codes.ts';
import type { NamedBytes } from '../input.ts';
import { MalformedFile } from '../inspect/malformed-file.ts';
import { withImaList } from './ima-from-list.ts';

export type FromLogOptions = {
  readonly name: string;
  readonly version: number;
  readonly part: BaselinePart | undefined;
  readonly labels: Labels;
  /** By default software for a log of an agent, and every other class for firmware's. */
  readonly classes: readonly AssuranceClass[] | undefined;
  readonly banks: readonly StrongHash[] | undefined;
};

const TABLE = new Map<string, MalformedFile['said']>(
  Object.entries({ ...REASONS, ...TPM_CODES, ...EVENTLOG_CODES }),
);
const UNFIT = {
  title: 'No baseline can be made of the log',
  remedy: 'Name a bank with --bank in which each event has a digest, or take a shorter log.',
};
const WITH_FIRMWARE: readonly AssuranceClass[] = ['discrete', 'firmware', 'virtual'];
const ALL_BANKS: readonly StrongHash[] = ['sha256', 'sha384', 'sha512'];
const EVERY_PCR = new Map(Array.from({ length: 24 }, (_, pcr) => [pcr, ALL_BANKS] as const));

/**
 * Baselines that say what a log shows and nothing else, and so of IMA's list where it is given, naming the quirks without
 * which the log would not be one of its kind. Nobody vouches for either: whoever approves them does.
 *
 * @throws MalformedFile, CliError LOG_WITHOUT_EVENTS
 */
export function draftFromLog(
  log: NamedBytes,
  ima: NamedBytes | undefined,
  options: FromLogOptions,
): Baseline[] {
  const documents = readOrRefuse(log, (bytes) => documentsOf(log.file, bytes, options));
  if (ima === undefined) return documents;
  const all = readOrRefuse(ima, (bytes) => withImaList(documents, bytes));
  if (all === undefined) throw new CliError('LOG_WITHOUT_EVENTS', ima.file);
  return all;
}

function readOrRefuse<T>({ file, bytes }: NamedBytes, read: (bytes: Uint8Array) => T): T {
  try {
    return read(bytes);
  } catch (error) {
    if (error instanceof ParseError) throw refusal(file, error, error);
    if (!(error instanceof BaselineError)) throw error;
    const { code, field = 'log' } = error;
    throw refusal(file, { code, field, offset: 0 }, error);
  }
}

const refusal = (file: string, at: Place, cause?: unknown): MalformedFile =>
  new MalformedFile(at, TABLE.get(at.code) ?? UNFIT, cause, file);

type Place = { readonly code: string; readonly field: string; readonly offset: number };

function documentsOf(
  file: string,
  bytes: Uint8Array,
  { name, version, part, labels, classes, banks }: FromLogOptions,
): Baseline[] {
  const log = parseEventLog(bytes);
  if (log.format === 'legacy-sha1') {
    throw refusal(file, { code: 'LOG_LEGACY', field: 'log', offset: 0 });
  }
  const isSoftware = Buffer.compare(log.specId.vendorInfo, SOFTWARE_VENDOR_INFO) === 0;
  const held = classes ?? (isSoftware ? ['software' as const] : WITH_FIRMWARE);
  const quirks = quirksNeeded(log, EVERY_PCR);
  const documents = baselinesFromLog(log, {
    name,
    ...(part === undefined ? {} : { part }),
    class: held[0] ?? 'virtual',
    labels,
    versionOf: () => version,
    ...(banks === undefined ? {} : { banksFor: () => banks }),
    quirks,
  });
  if (documents.length === 0) throw new CliError('LOG_WITHOUT_EVENTS', file);
  // Of a part of a log there may be no document of the firmware, whose they are else.
  const isUnnamed = part === undefined && !documents.some((one) => one.quirks !== undefined);
  const named = isUnnamed && quirks.length > 0 ? { quirks: [...quirks] } : {};
  return documents.map((document, index) => ({
    ...document,
    match: { ...document.match, class: [...held] },
    ...(index === 0 ? named : {}),
  }));
}
