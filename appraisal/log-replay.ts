import { type EventLog, type LogEvent, replayEventLog } from '@touchstone/eventlog';
import type { Finding } from '@touchstone/schemas';
import { type BankName, hash } from '@touchstone/tpm';
import { equalBytes, hexOf, isZero } from './bytes.ts';
import { finding } from './finding.ts';
import { EXIT_BOOT_SERVICES, saysExitBootServices } from './firmware/log-grammar.ts';
import type { Measurements } from './measurements.ts';
import type { QuirkName } from './quirks.ts';

/**
 * Whether the log tells how every quoted PCR came by its value, in every bank, weak ones too. A PCR that
 * moved without an event, or with events that lack its bank's digest, is not believed. `log` is undefined
 * where none was sent.
 */
export function replayFindings(
  measured: Pick<Measurements, 'pcrs'>,
  log: EventLog | undefined,
  quirks: ReadonlySet<string> = NO_QUIRKS,
): Finding[] {
  const extending = Map.groupBy(log?.events.filter((event) => event.extends) ?? [], eventPcr);
  const replayed = log && replayEventLog(log, new Set(measured.pcrs.keys()));
  const findings: Finding[] = [];
  const quotedPcrs = new Set<number>();
  for (const [bank, values] of measured.pcrs) {
    for (const [pcr, value] of values) {
      quotedPcrs.add(pcr);
      const events = extending.get(pcr) ?? [];
      const told = replayed?.banks.get(bank)?.get(pcr);
      const replay = told && withUntoldExit({ bank, pcr, told, value, log, quirks });
      const incomplete = replayed?.incompleteBanks.some((at) => at.bank === bank && at.pcr === pcr);
      findings.push(...pcrFindings({ bank, pcr, value, events, replay, incomplete }));
    }
  }
  if (log === undefined && findings.length === 0) {
    findings.push(finding('LOG_MISSING', { subject: 'boot log' }));
  }
  return [...findings, ...unquotedFindings(extending, quotedPcrs)];
}

/**
 * PCR 5 as the log tells it or, by the quirk EXIT_BOOT_SERVICES_NOT_LOGGED, as it is after ExitBootServices: the two
 * events that the profile has there and the log has not.
 */
function withUntoldExit(quoted: {
  readonly bank: BankName;
  readonly pcr: number;
  readonly told: Uint8Array;
  readonly value: Uint8Array;
  readonly log: EventLog | undefined;
  readonly quirks: ReadonlySet<string>;
}): Uint8Array {
  const { bank, pcr, told, value, log, quirks } = quoted;
  const named = quirks.has('EXIT_BOOT_SERVICES_NOT_LOGGED' satisfies QuirkName);
  if (pcr !== 5 || !named || log === undefined || saysExitBootServices(log)) return told;
  const after = EXIT_BOOT_SERVICES.reduce(
    (before, text) => hash(bank, Buffer.concat([before, hash(bank, Buffer.from(text))])),
    told,
  );
  return equalBytes(after, value) ? after : told;
}

const NO_QUIRKS: ReadonlySet<string> = new Set();

function pcrFindings(quoted: {
  readonly bank: BankName;
  readonly pcr: number;
  readonly value: Uint8Array;
  readonly events: readonly LogEvent[];
  readonly replay: Uint8Array | undefined;
  /** Whether the replay itself says that its value is not to be read. */
  readonly incomplete: boolean | undefined;
}): Finding[] {
  const { bank, pcr, value, events, replay, incomplete } = quoted;
  const subject = `PCR ${pcr} (${bank})`;
  if (events.length === 0) {
    return isZero(value)
      ? []
      : [
          finding(isUserspace(pcr) ? 'USERSPACE_LOG_MISSING' : 'LOG_MISSING_FOR_PCR', {
            subject,
            expected: 'events',
            actual: hexOf(value),
          }),
        ];
  }
  const lacking = events.filter(({ digests }) => !digests.some((one) => one.bank === bank));
  if (lacking.length > 0 || incomplete === true) {
    const actual = `${lacking.length} of ${events.length} events without a digest in this bank`;
    return [finding('LOG_BANK_INCOMPLETE', { subject, actual })];
  }
  if (replay !== undefined && equalBytes(replay, value)) return [];
  const expected = replay === undefined ? 'nothing replayed' : hexOf(replay);
  const code = isUserspace(pcr) ? 'USERSPACE_LOG_MISSING' : 'LOG_REPLAY_MISMATCH';
  return [finding(code, { subject, expected, actual: hexOf(value) })];
}

/**
 * systemd goes on measuring into these while the system runs (systemd-pcrextend), and writes a log of its own, of
 * which evidence has none: PCR 11 the phases of the boot, PCR 15 the machine's identity and its volumes.
 */
const isUserspace = (pcr: number): boolean => pcr === 11 || pcr === 15;

function unquotedFindings(
  extending: ReadonlyMap<number, readonly LogEvent[]>,
  quotedPcrs: ReadonlySet<number>,
): Finding[] {
  return [...extending]
    .filter(([pcr]) => !quotedPcrs.has(pcr))
    .map(([pcr, events]) =>
      finding('LOG_UNQUOTED', {
        subject: `PCR ${pcr}`,
        actual: `${events.length} events`,
        effect: 'warn',
      }),
    );
}

const eventPcr = ({ pcr }: LogEvent): number => pcr;
