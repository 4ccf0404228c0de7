import type { EventLog } from '@touchstone/eventlog';
import type {
  AssuranceClass,
  Baseline,
  BaselinePart,
  ImaPolicy,
  Labels,
} from '@touchstone/schemas';
import { readBootLog } from '../boot-log.ts';
import type { QuotedBanks } from '../comparison/rule-index.ts';
import { quirksNeeded, unsoundFindings } from '../firmware/firmware-findings.ts';
import { replayFindings } from '../log-replay.ts';
import { measuredBy } from '../measurements.ts';
import { quotedBanksOf, weakBankFindings } from '../quoted-banks.ts';
import { grammarFindings } from '../software-grammar.ts';
import { STRONG_BANKS } from '../strong-bank.ts';
import { requireVerified, type VerifiedEvidence } from '../verify-evidence.ts';
import { BaselineError } from './baseline-error.ts';
import { baselinesFromLog } from './baselines-from-log.ts';
import { CaptureError } from './capture-error.ts';
import { checkBaseline } from './check-baseline.ts';

export type CaptureInput = {
  readonly evidence: VerifiedEvidence;
  readonly class: AssuranceClass;
  readonly hostId: string;
  readonly name: string;
  /** What the documents match. Without any they are for this host alone. */
  readonly labels: Labels;
  readonly provenance: NonNullable<Baseline['provenance']>;
  readonly versionOf: (part: BaselinePart) => number;
  /** What the firmware of this model is known for; goes into the documents. What its log needs, unless stated. */
  readonly quirks?: readonly string[];
  /** What IMA measured of the same boot, as a policy. */
  readonly ima?: ImaPolicy | undefined;
};

/**
 * Baselines that say: exactly what this evidence shows in the PCRs that were quoted, and nothing else. One rule
 * for each thing measured. @throws CaptureError, above all when log and quote do not agree.
 */
export function captureBaselines(input: CaptureInput): Baseline[] {
  const { evidence, hostId, ima, ...rest } = input;
  requireVerified(evidence);
  const quoted = quotedBanksOf(measuredBy(evidence));
  const { log, quirks } = soundLog(evidence, quoted, input);
  const events = log.events.filter((event) => event.extends && quoted.has(event.pcr));
  if (events.length === 0) throw new CaptureError('CAPTURE_EMPTY', 'nothing was measured');
  const banksFor = (pcrs: ReadonlySet<number>) =>
    STRONG_BANKS.filter((bank) =>
      [...pcrs].some((pcr) => quoted.get(pcr)?.includes(bank) === true),
    );
  try {
    const made = baselinesFromLog({ ...log, events }, { ...rest, host: hostId, quirks, banksFor });
    return ima === undefined ? made : withIma(made, ima, input);
  } catch (cause) {
    if (!(cause instanceof BaselineError)) throw cause;
    throw new CaptureError('CAPTURE_UNFIT', cause.message, [], cause);
  }
}

/** In the document of what runs, or in one of its own beside the others. */
function withIma(made: readonly Baseline[], ima: ImaPolicy, input: CaptureInput): Baseline[] {
  if (made.some(({ part }) => part === 'runtime')) {
    return made.map((one) => (one.part === 'runtime' ? checkBaseline({ ...one, ima }) : one));
  }
  const [first] = made;
  if (first === undefined) return [];
  const { hostId, name, labels, provenance, versionOf } = input;
  const host = Object.keys(labels).length === 0 ? { host: hostId } : {};
  return [
    ...made,
    checkBaseline({
      ...{ kind: 'baseline', part: 'runtime', name, version: versionOf('runtime') },
      match: { labels: { ...labels }, class: [input.class], ...host },
      ...{ banks: first.banks, provenance, rules: [], ima },
    }),
  ];
}

function soundLog(
  evidence: VerifiedEvidence,
  quoted: QuotedBanks,
  { class: held, quirks: named }: Pick<CaptureInput, 'class' | 'quirks'>,
): { readonly log: EventLog; readonly quirks: readonly string[] } {
  const measured = measuredBy(evidence);
  const boot = readBootLog(measured);
  const log = boot.state === 'read' ? boot.log : undefined;
  const quirks = named ?? (log === undefined ? [] : quirksNeeded(log, quoted));
  const active = new Set(quirks);
  const findings = [
    ...weakBankFindings(measured),
    ...(boot.state === 'unreadable' ? boot.findings : replayFindings(measured, log, active)),
    ...grammarFindings(measured, log, held),
    ...(held === 'software' || log === undefined ? [] : unsoundFindings(log, quoted, active)),
  ].filter(({ effect }) => effect === 'enforce');
  if (log !== undefined && findings.length === 0) return { log, quirks };
  throw new CaptureError('CAPTURE_INTEGRITY', 'log and quote do not agree', findings);
}
