import { BaselineError, baselinesFromLog, quirksNeeded, REASONS } from '@touchstone/appraisal';
import { EVENTLOG_CODES, parseEventLog, SOFTWARE_VENDOR_INFO } from '@touchstone/eventlog';
import type { AssuranceClass, Baseline, BaselinePart, Labels } from '@touchstone/schemas';
import { ParseError, type StrongHash, TPM_CODES } from '@touchstone/tpm';
import { CliError } from '../codes.ts';
import { MalformedFile } from '../inspect/malformed-file.ts';

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
 * Baselines that say what a log shows and nothing else, naming the quirks without which it would not be
 * one of its kind. Nobody vouches for the log: whoever approves them does.
 *
 * @throws MalformedFile, CliError LOG_WITHOUT_EVENTS
 */
export function draftFromLog(
  { file, bytes }: { readonly file: string; readonly bytes: Uint8Array },
  { name, version, part, labels, classes, banks }: FromLogOptions,
): Baseline[] {
  const refuse = (code: string, field: string, offset: number, cause: unknown): never => {
    throw new MalformedFile({ code, field, offset }, TABLE.get(code) ?? UNFIT, cause, file);
  };
  try {
    const log = parseEventLog(bytes);
    if (log.format === 'legacy-sha1') return refuse('LOG_LEGACY', 'log', 0, undefined);
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
  } catch (error) {
    if (error instanceof ParseError) return refuse(error.code, error.field, error.offset, error);
    if (error instanceof BaselineError) return refuse(error.code, error.field ?? 'log', 0, error);
    throw error;
  }
}
