import type { Baseline, BaselineReference, Finding } from '@touchstone/schemas';
import type { AppraisalContext } from '../appraisal-context.ts';
import { finding } from '../finding.ts';
import { knownBaseline } from '../baseline/known-baseline.ts';
import { isExplaining } from '../baseline/rule-kind.ts';
import { nameOfBaseline } from './event-text.ts';
import type { Candidate, Choice } from './choose-documents.ts';
import { withWindows } from './with-windows.ts';
import { isStrong, type StrongBank } from '../strong-bank.ts';

/** A document whose rules count. */
export type LiveBaseline = { readonly baseline: Baseline; readonly banks: readonly StrongBank[] };

export type ApplicableBaselines = {
  readonly live: readonly LiveBaseline[];
  /** Where an update window lets documents stand in for others. */
  readonly choices: readonly Choice[];
  readonly references: readonly BaselineReference[];
  readonly findings: readonly Finding[];
  /** When the first of the windows that count here ends; Infinity for never. Unix time, ms. */
  readonly untilMs: number;
};

/** As many as a result's claims can name. */
const MAX_BASELINES = 64;

/**
 * The baselines for this host: those whose every label it has, which name its class, and which name no
 * other host. Of these only such as are well formed, not expired, and in a bank that was quoted explain
 * anything. A host for which no rule enforces anything has no baseline.
 *
 * Documents of open windows are alternatives to those of their name and part; what is wrong with one that
 * has a usable alternative is only shown.
 */
export function applicableBaselines(
  context: AppraisalContext,
  quotedBanks: ReadonlySet<StrongBank>,
): ApplicableBaselines {
  const { fixed, rivals, untilMs } = withWindows(context, (one) => applies(one, context));
  const matching = [
    ...fixed,
    ...rivals.flatMap((one) => one.flatMap(({ documents }) => documents)),
  ];
  const findings: Finding[] = [];
  if (matching.length > MAX_BASELINES) {
    const actual = `${matching.length}`;
    const details = { subject: 'baselines', expected: `at most ${MAX_BASELINES}`, actual };
    findings.push(finding('BASELINES_TOO_MANY', details));
  }
  const read = fixed.map((baseline) => readingOf(baseline, context, quotedBanks));
  const live = read.flatMap((one) => one.live ?? []);
  let stale = read.some((one) => one.stale);
  findings.push(...read.flatMap(({ problem }) => problem ?? []));
  const enforcing = live.some(enforces);
  const choices: Choice[] = [];
  for (const rival of rivals) {
    const candidates = rival.map(({ window, documents }) => {
      const readings = documents.map((baseline) => readingOf(baseline, context, quotedBanks));
      return { window, readings };
    });
    const usable = candidates.flatMap(({ window, readings }): Candidate[] => {
      const some = readings.flatMap((one) => one.live ?? []);
      // To be without a document is a choice only where others hold the host to something.
      if (some.length !== readings.length || (some.length === 0 && !enforcing)) return [];
      return [{ window, documents: some }];
    });
    const problems = candidates.flatMap((one) => one.readings);
    const effect = usable.length === 0 ? 'enforce' : 'observe';
    findings.push(
      ...problems.flatMap(({ problem }) => (problem ? [{ ...problem, effect } as const] : [])),
    );
    stale ||= usable.length === 0 && problems.some((one) => one.stale);
    if (usable.length > 0) choices.push(usable);
  }
  const chosen = choices.some((one) => one.every(({ documents }) => documents.some(enforces)));
  if (!enforcing && !chosen && !stale) findings.push(noBaseline(context, matching));
  const references = matching.slice(0, MAX_BASELINES).map(referenceOf);
  return { live, choices, references, findings, untilMs };
}

type Reading = {
  readonly live?: LiveBaseline;
  readonly problem?: Finding;
  readonly stale: boolean;
};

function readingOf(
  baseline: Baseline,
  { now }: AppraisalContext,
  quotedBanks: ReadonlySet<StrongBank>,
): Reading {
  const subject = nameOfBaseline(baseline);
  const { malformation: malformed } = knownBaseline(baseline);
  if (malformed !== undefined) {
    const problem = finding('BASELINE_MALFORMED', { subject, actual: malformed });
    return { problem, stale: false };
  }
  if (isExpired(baseline, now)) {
    const actual = `expired ${baseline.expires}`;
    return { problem: finding('BASELINE_EXPIRED', { subject, actual }), stale: true };
  }
  const banks = baseline.banks.filter(isStrong);
  const quoted = banks.filter((bank) => quotedBanks.has(bank));
  if (quoted.length > 0) return { live: { baseline, banks: quoted }, stale: false };
  const details = { expected: banks.join(', '), actual: [...quotedBanks].join(', ') };
  return { problem: finding('BASELINE_BANK_NOT_QUOTED', { subject, ...details }), stale: false };
}

const enforces = ({ baseline }: LiveBaseline): boolean => baseline.rules.some(isEnforced);

function applies({ match }: Baseline, { hostId, class: held, labels }: AppraisalContext): boolean {
  return (
    match.class.includes(held) &&
    (match.host === undefined || match.host === hostId) &&
    Object.entries(match.labels).every(
      ([label, value]) => Object.hasOwn(labels, label) && labels[label] === value,
    )
  );
}

/** An expiry that is no date has passed. */
const isExpired = ({ expires }: Baseline, now: Date): boolean =>
  expires !== undefined && !(now.getTime() < new Date(expires).getTime());

/** A rule that only denies makes no baseline. */
const isEnforced = (rule: Baseline['rules'][number]): boolean =>
  rule.mode === 'enforce' && isExplaining(rule);

const referenceOf = ({ part, name, version }: Baseline): BaselineReference => ({
  part,
  name,
  version,
});

function noBaseline(context: AppraisalContext, matching: readonly Baseline[]): Finding {
  const labels = Object.entries(context.labels).map(([label, value]) => `${label}=${value}`);
  return finding('NO_BASELINE', {
    subject: `host ${context.hostId}`,
    expected: `class ${context.class}, labels ${labels.join(' ') || 'none'}`,
    actual:
      matching.length === 0
        ? `none of ${context.baselines.length} active baselines`
        : 'no rule that enforces',
  });
}
