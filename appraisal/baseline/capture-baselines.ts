import type { EventLog, LogEvent } from '@touchstone/eventlog';
import type {
  AllowedMeasurement,
  AssuranceClass,
  Baseline,
  BaselinePart,
  BaselineRule,
  Labels,
} from '@touchstone/schemas';
import { BaselineError } from './baseline-error.ts';
import { readBootLog } from '../boot-log.ts';
import { CaptureError } from './capture-error.ts';
import { checkBaseline } from './check-baseline.ts';
import { lineOfText } from '../line-of-text.ts';
import { replayFindings } from '../log-replay.ts';
import { believedSoftware } from '../measured-software.ts';
import { measuredBy } from '../measurements.ts';
import { quotedBanksOf, weakBankFindings } from '../quoted-banks.ts';
import { digestIn } from '../comparison/rule-index.ts';
import { ruleIds } from './rule-ids.ts';
import { grammarFindings, SOFTWARE_PCRS } from '../software-grammar.ts';
import { STRONG_BANKS, type StrongBank } from '../strong-bank.ts';
import { requireVerified, type VerifiedEvidence } from '../verify-evidence.ts';

export type CaptureInput = {
  readonly evidence: VerifiedEvidence;
  readonly class: AssuranceClass;
  readonly hostId: string;
  readonly name: string;
  /** What the documents match. Without any they are for this host alone. */
  readonly labels: Labels;
  readonly provenance: NonNullable<Baseline['provenance']>;
  readonly versionOf: (part: BaselinePart) => number;
};

/** What changes together is one document. */
const PARTS = [
  ['bootChain', SOFTWARE_PCRS.bootChain],
  ['commandLine', SOFTWARE_PCRS.commandLine],
  ['runtime', SOFTWARE_PCRS.runtime],
] as const satisfies readonly (readonly [BaselinePart, number])[];

/**
 * Baselines that say: exactly what this evidence shows, and nothing else. One rule for each thing
 * measured. @throws CaptureError, above all when log and quote do not agree.
 */
export function captureBaselines(input: CaptureInput): Baseline[] {
  const { evidence } = input;
  requireVerified(evidence);
  if (input.class !== 'software') {
    throw new CaptureError('CAPTURE_CLASS_UNSUPPORTED', `class ${input.class}`);
  }
  const log = soundLog(evidence, input.class);
  const quoted = quotedBanksOf(evidence);
  const baselines = PARTS.flatMap(([part, pcr]) => {
    const banks = STRONG_BANKS.filter((bank) => quoted.get(pcr)?.includes(bank) === true);
    const events = log.events.filter((event) => event.extends && event.pcr === pcr);
    return banks.length === 0 || events.length === 0
      ? []
      : [baselineOf(input, part, banks, events)];
  });
  if (baselines.length === 0) throw new CaptureError('CAPTURE_EMPTY', 'nothing was measured');
  return baselines;
}

function soundLog(evidence: VerifiedEvidence, assuranceClass: AssuranceClass): EventLog {
  const measured = measuredBy(evidence);
  const boot = readBootLog(measured);
  const log = boot.state === 'read' ? boot.log : undefined;
  const findings = [
    ...weakBankFindings(measured),
    ...(boot.state === 'unreadable' ? boot.findings : replayFindings(measured, log)),
    ...grammarFindings(measured, log, assuranceClass),
  ].filter(({ effect }) => effect === 'enforce');
  if (log !== undefined && findings.length === 0) return log;
  throw new CaptureError('CAPTURE_INTEGRITY', 'log and quote do not agree', findings);
}

function baselineOf(
  input: CaptureInput,
  part: BaselinePart,
  banks: readonly StrongBank[],
  events: readonly LogEvent[],
): Baseline {
  const { labels, hostId, name, provenance } = input;
  const host = Object.keys(labels).length === 0 ? { host: hostId } : {};
  try {
    return checkBaseline({
      kind: 'baseline',
      part,
      name,
      version: input.versionOf(part),
      match: { labels: { ...labels }, class: [input.class], ...host },
      banks: [...banks],
      provenance,
      rules: rulesOf(banks, events),
    } satisfies Baseline);
  } catch (cause) {
    if (!(cause instanceof BaselineError)) throw cause;
    throw new CaptureError('CAPTURE_UNFIT', cause.message, [], cause);
  }
}

/** The same measurement twice is one rule, met twice. */
function rulesOf(banks: readonly StrongBank[], events: readonly LogEvent[]): BaselineRule[] {
  const same = Map.groupBy(events, (event) => banks.map((bank) => digestIn(event, bank)).join(' '));
  const idOf = ruleIds();
  return [...same.values()].flatMap(([event, ...again]) => {
    if (event === undefined) return [];
    const allowed = allowedOf(banks, event);
    const times = again.length === 0 ? {} : { times: again.length + 1 };
    const { pcr, claimedTypeName: type } = event;
    const id = idOf(believedSoftware(event)?.place ?? 'command-line');
    return [{ id, mode: 'enforce', pcr, type, ...times, allow: [allowed] } as const];
  });
}

function allowedOf(banks: readonly StrongBank[], event: LogEvent): AllowedMeasurement {
  const believed = believedSoftware(event);
  const digests = Object.fromEntries(banks.map((bank) => [bank, digestIn(event, bank)]));
  return {
    ...digests,
    ...(believed === undefined ? {} : { name: lineOfText(believed.name, 1_024) }),
    ...(believed?.file === undefined ? {} : { file: believed.file }),
  };
}
