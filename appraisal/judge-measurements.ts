import type { EventLog, LogEvent } from '@touchstone/eventlog';
import type { BootState, FindingEffect, MeasuredEvent } from '@touchstone/schemas';
import { unfedBankFindings } from './bank-findings.ts';
import { type BootLog, EMPTY, readBootLog } from './boot-log.ts';
import {
  type ChosenDocuments,
  chooseDocuments,
  type WindowState,
} from './comparison/choose-documents.ts';
import { eventFindings, type PcrFinding } from './comparison/event-findings.ts';
import { explainEvents, type Explanation } from './comparison/explain-events.ts';
import type { Lead } from './comparison/lead.ts';
import { leadKey } from './comparison/tell-more.ts';
import { finding } from './finding.ts';
import { appraiseFirmware } from './firmware/firmware-findings.ts';
import { namedQuirks } from './firmware/named-quirks.ts';
import { replayFindings } from './log-replay.ts';
import { measuredEvents } from './comparison/measured-events.ts';
import { keyOf, type Measurements } from './measurements.ts';
import { quotedBanksOf, weakBankFindings } from './quoted-banks.ts';
import { grammarFindings } from './software-grammar.ts';
import { COMMAND_LINE_PCRS } from './trust-vector.ts';
import { weigh, type WeighedFindings, worstOf } from './weighed-findings.ts';

/** What a boot's measurements mean: plain data, bounded, the same for whoever shows the same. */
export type MeasurementJudgement = {
  /** Of the measurements that were judged: `keyOf`. */
  readonly key: string;
  /** Whether the log is there, whole, and of the kind that its class has. */
  readonly log: WeighedFindings;
  /** Whether the events are what the documents say. */
  readonly events: WeighedFindings;
  /** By `leadKey`, for findings among the foremost of `events`. */
  readonly leads: Readonly<Record<string, Lead>>;
  /** How the host stands to the update windows that are for it, by id. */
  readonly windows: Readonly<Record<string, WindowState>>;
  /** The worst that was found of the kernel's command line, and of all else that was measured. */
  readonly commandLine: FindingEffect | null;
  readonly executables: FindingEffect | null;
  readonly enforcedPcrs: readonly number[];
  /** In the log's order; at most 4096. */
  readonly measured: readonly MeasuredEvent[];
  /** What the log means. */
  readonly bootState: BootState;
};

/**
 * The costly half of an appraisal, a function of its argument alone: the log read and replayed, its
 * grammar, the meaning of its events, and the comparison with the documents.
 */
export function judgeMeasurements(measurements: Measurements): MeasurementJudgement {
  const boot = readBootLog(measurements);
  const log = boot.state === 'read' ? boot.log : undefined;
  const compared = compare(measurements, log);
  const { documents: baselines, windows } = compared.chosen;
  const quirks = namedQuirks(baselines);
  const firmware = appraiseFirmware({ ...measurements, baselines }, log, compared.explanation);
  const isCommandLine = ({ pcr }: PcrFinding) => COMMAND_LINE_PCRS.includes(pcr);
  const worst = (some: readonly PcrFinding[]) => worstOf(some.map((one) => one.finding.effect));
  const enforced = baselines.flatMap(({ baseline }) =>
    baseline.rules.filter(({ mode }) => mode === 'enforce').map(({ pcr }) => pcr),
  );
  const ofLog = weigh([
    ...weakBankFindings(measurements),
    ...unfedBankFindings(measurements),
    ...logFindings(measurements, boot, quirks),
    ...grammarFindings(measurements, log, measurements.class),
    ...firmware.findings,
  ]);
  // Without a log all that is approved is missing: that is said once, and not for each measurement.
  const untold = log === undefined && ofLog.worst === 'enforce';
  const found = untold ? [] : compared.findings;
  const events = weigh(found.map((one) => one.finding));
  return {
    key: keyOf(measurements),
    log: ofLog,
    events,
    leads: leadsTo(events, found),
    windows,
    commandLine: worst(found.filter(isCommandLine)),
    executables: worst(found.filter((one) => !isCommandLine(one))),
    enforcedPcrs: [...new Set(enforced)],
    measured: compared.events,
    bootState: firmware.bootState,
  };
}

/** Where the firmware measured and no log was handed on, that is one finding, and not one for each PCR. */
function logFindings(measurements: Measurements, boot: BootLog, quirks: ReadonlySet<string>) {
  if (boot.state === 'unreadable') return boot.findings;
  const log = boot.state === 'read' ? boot.log : undefined;
  const findings = replayFindings(measurements, log, quirks);
  const isUntold = log === undefined && findings.every(({ code }) => code !== 'LOG_MISSING');
  return isUntold && measurements.class !== 'software' ? [finding('LOG_EMPTY', EMPTY)] : findings;
}

/** Without a document whose rules count there is nothing to hold events against; that was said already. */
function compare(
  { pcrs, baselines, choices = [] }: Measurements,
  log: EventLog | undefined,
): {
  readonly chosen: ChosenDocuments;
  readonly explanation: Explanation | undefined;
  readonly findings: readonly PcrFinding[];
  readonly events: readonly MeasuredEvent[];
} {
  const quoted = quotedBanksOf({ pcrs });
  const events = log?.events.filter((event: LogEvent) => event.extends) ?? [];
  const judged = events.filter(({ pcr }) => quoted.has(pcr));
  const chosen = chooseDocuments(baselines, choices, judged, quoted);
  const { documents } = chosen;
  const explanation: Explanation | undefined =
    documents.length === 0 ? undefined : explainEvents(documents, judged, quoted);
  const banks = new Map(
    [...quoted].flatMap(([pcr, [bank]]) => (bank === undefined ? [] : [[pcr, bank]])),
  );
  return {
    chosen,
    explanation,
    findings: explanation === undefined ? [] : eventFindings(explanation, banks),
    events: measuredEvents(events, banks, explanation),
  };
}

/** Of the findings that are kept. */
function leadsTo(
  { foremost }: WeighedFindings,
  compared: readonly PcrFinding[],
): MeasurementJudgement['leads'] {
  const kept = new Set(foremost);
  return Object.fromEntries(
    compared.flatMap(({ finding: found, lead }) =>
      lead === undefined || !kept.has(found) ? [] : [[leadKey(found), lead] as const],
    ),
  );
}
