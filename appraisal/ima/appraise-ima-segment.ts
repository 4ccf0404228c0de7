import {
  findImaPrefix,
  IMA_PCR,
  type ImaListOptions,
  type ImaPrefix,
  type ImaStyle,
  openImaList,
} from '@touchstone/eventlog';
import type { Finding, FindingEffect, ImaProgress } from '@touchstone/schemas';
import { type BankName, ParseError } from '@touchstone/tpm';
import { bytesOfHex, hexOf, isZero } from '../bytes.ts';
import { finding } from '../finding.ts';
import { imaPolicyDigestOf } from './compiled-ima-policy.ts';
import type { ImaAppraisal, ImaSegmentContext } from './ima-segment.ts';
import { ImaEntriesJudge } from './judge-ima-entries.ts';

const SUBJECT = { subject: `PCR ${IMA_PCR}` };

/**
 * Reads a part of a host's list, from where an earlier part ended, as far as a quote vouches for it:
 * - the prefix is found whose entries lead PCR 10 to the quoted value, in every bank quoted; no entry counts
 *   before that, and none behind it;
 * - the believed entries are held against the policies, and what they show is added to what was found before;
 * - under other policies, or in another bank than before, the list is read anew from its first entry.
 *
 * `bytes` is undefined where the host sent no list. A function of its arguments alone.
 */
export function appraiseImaSegment(
  progress: ImaProgress | undefined,
  bytes: Uint8Array | undefined,
  context: ImaSegmentContext,
): ImaAppraisal {
  const quoted = new Map(
    [...context.pcrs].flatMap(([bank, values]) => {
      const value = values.get(IMA_PCR);
      return value === undefined ? [] : [[bank, value] as const];
    }),
  );
  const mode = strictestMode(context);
  if (quoted.size === 0) {
    return none(
      mode === undefined ? [] : [finding('IMA_NOT_QUOTED', { ...SUBJECT, effect: mode })],
    );
  }
  const held = holds(progress, context, quoted) ? progress : undefined;
  if (held === undefined && [...quoted.values()].every(isZero)) {
    return none(
      mode === undefined ? [] : [finding('IMA_NOT_MEASURED', { ...SUBJECT, effect: mode })],
    );
  }
  // Nothing new was measured: the list is not needed.
  if (held !== undefined && leadsTo(held, quoted)) return believed(held, 0);
  const from = context.fromEntry === 0 ? undefined : held;
  if (bytes === undefined || bytes.length === 0) {
    if (progress !== undefined) return wanted(progress, held?.entries ?? 0);
    return refused(undefined, finding('IMA_LOG_MISSING', { ...SUBJECT, actual: inWords(quoted) }));
  }
  if (context.fromEntry !== (from?.entries ?? 0)) return wanted(progress, held?.entries ?? 0);
  return read(from, bytes, { ...context, quoted });
}

type Quoted = ReadonlyMap<BankName, Uint8Array>;

function read(
  from: ImaProgress | undefined,
  bytes: Uint8Array,
  context: ImaSegmentContext & { readonly quoted: Quoted },
): ImaAppraisal {
  const { quoted, policies, known = [], pcrs, maxBytes } = context;
  const options: ImaListOptions = {
    digestBank: from?.digestBank,
    ...(maxBytes === undefined ? {} : { maxBytes }),
  };
  const newJudge = () => new ImaEntriesJudge({ policies, known, pcrs }, from);
  let judge = newJudge();
  try {
    const list = openImaList(bytes, options);
    // What was told of its first entries is not told again.
    const told = { ...options, digestBank: list.form.digestBank };
    const prefix = findImaPrefix(() => openImaList(bytes, told), {
      ...{ quoted, before: valuesOf(from), styles: stylesOf(from) },
      walk: () => {
        judge = newJudge();
        return (cursor, data) => judge.judge(cursor, data);
      },
    });
    if (prefix === undefined) {
      const actual = inWords(quoted);
      return refused(from, finding('IMA_LOG_MISMATCH', { ...SUBJECT, actual }));
    }
    const progress: ImaProgress = {
      policy: imaPolicyDigestOf(policies),
      entries: (from?.entries ?? 0) + prefix.entries,
      values: Object.fromEntries([...quoted].map(([bank, value]) => [bank, hexOf(value)])),
      styles: styleRecord(prefix),
      digestBank: list.form.digestBank,
      ...judge.results,
    };
    return believed(progress, prefix.entries);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const actual = `${error.code}: ${error.field} at byte ${error.offset}`;
    return refused(from, finding('IMA_LOG_MALFORMED', { subject: 'IMA list', actual }));
  }
}

/** Whether what was found goes on to hold: the same documents, in banks whose values are known. */
function holds(
  progress: ImaProgress | undefined,
  { policies }: ImaSegmentContext,
  quoted: Quoted,
): boolean {
  if (progress === undefined || progress.policy !== imaPolicyDigestOf(policies)) return false;
  return [...quoted.keys()].every((bank) => progress.values[bank] !== undefined);
}

const leadsTo = (progress: ImaProgress, quoted: Quoted): boolean =>
  [...quoted].every(([bank, value]) => progress.values[bank] === hexOf(value));

function valuesOf(progress: ImaProgress | undefined): ReadonlyMap<BankName, Uint8Array> {
  const entries = Object.entries(progress?.values ?? {}) as [BankName, string][];
  return new Map(
    entries.flatMap(([bank, hex]) => {
      const value = bytesOfHex(hex);
      return value === undefined ? [] : [[bank, value]];
    }),
  );
}

const stylesOf = (progress: ImaProgress | undefined): ReadonlyMap<BankName, ImaStyle> =>
  new Map(Object.entries(progress?.styles ?? {}) as [BankName, ImaStyle][]);

const styleRecord = ({ styles }: ImaPrefix): ImaProgress['styles'] => Object.fromEntries(styles);

/** What the documents' strictest policy does; undefined without any. */
function strictestMode({ policies }: ImaSegmentContext): FindingEffect | undefined {
  const modes = policies.map(({ policy }) => policy.mode);
  return (['enforce', 'warn', 'observe'] as const).find((mode) => modes.includes(mode));
}

const inWords = (quoted: Quoted): string =>
  [...quoted].map(([bank, value]) => `${bank} ${hexOf(value)}`).join(', ');

const none = (findings: readonly Finding[]): ImaAppraisal => ({
  ...{ state: 'none', progress: undefined, believedEntries: 0 },
  ...{ findings, findingsOmitted: 0, nextEntry: 0 },
});

const believed = (progress: ImaProgress, believedEntries: number): ImaAppraisal => ({
  ...{ state: 'believed', progress, believedEntries, findings: progress.findings },
  ...{ findingsOmitted: progress.findingsOmitted, nextEntry: progress.entries },
});

const refused = (progress: ImaProgress | undefined, why: Finding): ImaAppraisal => ({
  ...{ state: 'refused', progress, believedEntries: 0 },
  findings: [why, ...(progress?.findings ?? [])],
  ...{ findingsOmitted: progress?.findingsOmitted ?? 0, nextEntry: progress?.entries ?? 0 },
});

const wanted = (progress: ImaProgress | undefined, nextEntry: number): ImaAppraisal => ({
  ...{ state: 'wanted', progress, believedEntries: 0, nextEntry, findingsOmitted: 0 },
  findings: [
    finding('IMA_LOG_WANTED', { ...SUBJECT, expected: `the list from entry ${nextEntry}` }),
  ],
});
