import type { Baseline, BaselineReference, Finding } from '@touchstone/schemas';
import type { AppraisalContext } from '../appraisal-context.ts';
import { finding } from '../finding.ts';
import { knownBaseline } from '../baseline/known-baseline.ts';
import { isExplaining } from '../baseline/rule-kind.ts';
import { nameOfBaseline } from './event-text.ts';
import { isStrong, type StrongBank } from '../strong-bank.ts';

/** A document whose rules count. */
export type LiveBaseline = { readonly baseline: Baseline; readonly banks: readonly StrongBank[] };

export type ApplicableBaselines = {
  readonly live: readonly LiveBaseline[];
  readonly references: readonly BaselineReference[];
  readonly findings: readonly Finding[];
};

/** As many as a result's claims can name. */
const MAX_BASELINES = 64;

/**
 * The baselines for this host: those whose every label it has, which name its class, and which name no
 * other host. Of these only such as are well formed, not expired, and in a bank that was quoted explain
 * anything. A host for which no rule enforces anything has no baseline.
 */
export function applicableBaselines(
  context: AppraisalContext,
  quotedBanks: ReadonlySet<StrongBank>,
): ApplicableBaselines {
  const matching = context.baselines.filter((baseline) => applies(baseline, context));
  const findings: Finding[] = [];
  if (matching.length > MAX_BASELINES) {
    const actual = `${matching.length}`;
    const details = { subject: 'baselines', expected: `at most ${MAX_BASELINES}`, actual };
    findings.push(finding('BASELINES_TOO_MANY', details));
  }
  const live: LiveBaseline[] = [];
  let stale = false;
  for (const baseline of matching) {
    const subject = nameOfBaseline(baseline);
    const { malformation: malformed } = knownBaseline(baseline);
    const banks = malformed === undefined ? baseline.banks.filter(isStrong) : [];
    const quoted = banks.filter((bank) => quotedBanks.has(bank));
    if (malformed !== undefined) {
      findings.push(finding('BASELINE_MALFORMED', { subject, actual: malformed }));
    } else if (isExpired(baseline, context.now)) {
      stale = true;
      const actual = `expired ${baseline.expires}`;
      findings.push(finding('BASELINE_EXPIRED', { subject, actual }));
    } else if (quoted.length === 0) {
      const details = { expected: banks.join(', '), actual: [...quotedBanks].join(', ') };
      findings.push(finding('BASELINE_BANK_NOT_QUOTED', { subject, ...details }));
    } else {
      live.push({ baseline, banks: quoted });
    }
  }
  const enforces = live.some(({ baseline }) => baseline.rules.some(isEnforced));
  if (!enforces && !stale) findings.push(noBaseline(context, matching));
  return { live, references: matching.slice(0, MAX_BASELINES).map(referenceOf), findings };
}

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
