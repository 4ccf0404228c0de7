import { IMA_PCR } from '@touchstone/eventlog';
import type { Finding } from '@touchstone/schemas';
import type { ImaOutcome } from './appraisal-outcome.ts';
import { finding } from './finding.ts';
import type { KexecInIma } from './firmware/kexec.ts';
import { appraiseImaSegment } from './ima/appraise-ima-segment.ts';
import { type ImaMeasurements, imaPcrsOf } from './ima-measurements.ts';

import type { ReasonCode } from './reasons.ts';
import { isStrong } from './strong-bank.ts';
import { weigh, type WeighedFindings, worstOf } from './weighed-findings.ts';

export type ImaJudgement = { readonly outcome: ImaOutcome; readonly findings: WeighedFindings };

/**
 * What a host's IMA list shows: a function of its argument alone. It is judged for every piece of evidence, and costs
 * what is new in it. Where no document speaks of what IMA measures, a list that is missing or leads elsewhere takes no
 * trust away: nobody asked for it, and agents of older versions send none.
 */
export function judgeIma(measured: ImaMeasurements): ImaJudgement {
  const { policies, known, pcrs, prior, list } = measured;
  const isAsked = policies.length > 0;
  const appraised = appraiseImaSegment(prior, list?.entries, {
    ...{ policies, known, pcrs, fromEntry: list?.fromEntry ?? 0 },
  });
  const { state, progress, believedEntries, nextEntry, findingsOmitted } = appraised;
  const told = appraised.findings.map((one) =>
    isAsked || !ABOUT_THE_LIST.has(one.code)
      ? one
      : { ...one, effect: list === undefined ? ('observe' as const) : ('warn' as const) },
  );
  const { foremost, count, worst } = weigh([...weakBank(pcrs), ...told]);
  return {
    outcome: {
      list: list === undefined || state === 'none' ? 'none' : LIST[state],
      ...{ isAsked, believedEntries, nextEntry },
      ...(progress === undefined ? {} : { progress }),
    },
    findings: {
      foremost,
      count: count + findingsOmitted,
      worst: worstOf([worst, progress?.worst ?? null]),
    },
  };
}

const LIST = { believed: 'whole', wanted: 'short', refused: 'short' } as const;

/** What is not said of anything in a list. */
const ABOUT_THE_LIST: ReadonlySet<string> = new Set<ReasonCode>([
  'IMA_LOG_MISSING',
  'IMA_LOG_MALFORMED',
  'IMA_LOG_MISMATCH',
  'IMA_LOG_WANTED',
]);

function weakBank(pcrs: ImaMeasurements['pcrs']): Finding[] {
  const banks = imaPcrsOf(pcrs).map(([bank]) => bank);
  if (banks.length === 0 || banks.some(isStrong)) return [];
  const details = { subject: `PCR ${IMA_PCR}`, expected: 'sha256', actual: banks.join(', ') };
  return [finding('BANK_WEAK', details)];
}

/** What the list shows of kernels that were started without a reset. undefined where there is none to believe. */
export function kexecInIma(
  { policies }: ImaMeasurements,
  { outcome: { list, progress } }: ImaJudgement,
): KexecInIma | undefined {
  if (list !== 'whole' || progress === undefined) return undefined;
  // The kernel that is started is a file of any path: measured is not judged where files may be unknown, or are left out.
  const judged = policies.some(
    ({ policy: { mode, unlisted = mode } }) => mode === 'enforce' && unlisted === 'enforce',
  );
  const whole = policies.every(({ policy: { exclude = [] } }) => exclude.length === 0);
  const measured = policies.some(({ policy: { mode, measures = [] } }) => {
    return mode === 'enforce' && measures.includes('KEXEC_KERNEL_CHECK');
  });
  return { measured: measured && judged && whole, bootAggregates: progress.bootAggregates };
}
