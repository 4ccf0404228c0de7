import type { CryptoAgileLog, EventLog, LogEvent } from '@touchstone/eventlog';
import type { BootState, Finding } from '@touchstone/schemas';
import type { Explanation } from '../comparison/explain-events.ts';
import type { QuotedBanks } from '../comparison/rule-index.ts';
import type { Measurements } from '../measurements.ts';
import type { QuirkName } from '../quirks.ts';
import { quotedBanksOf } from '../quoted-banks.ts';
import { isSoftwareLog } from '../software-grammar.ts';
import { actionOffences } from './action-offences.ts';
import { authoritiesIn, authorityOffences, verificationOffences } from './authorities.ts';
import { believedEvents } from './believed-events.ts';
import {
  bootStateOf,
  mokListsIn,
  sbatLines,
  softwareBootState,
  UNKNOWN_BOOT,
} from './boot-state.ts';
import { revokedOffences, startedImages } from './image-offences.ts';
import { kexecGuard } from './kexec.ts';
import { grammarOffences, saysExitBootServices } from './log-grammar.ts';
import { namedQuirks } from './named-quirks.ts';
import type { Offence } from './offence.ts';
import { requirementFindings } from './secure-boot-requirements.ts';
import { secureBootVariables } from './secure-boot-variables.ts';
import { quirksOfOffences, settle } from './settle.ts';
import { variableBootOffences } from './variable-boot-offences.ts';

export type FirmwareAppraisal = {
  readonly findings: readonly Finding[];
  readonly bootState: BootState;
};

/**
 * What the log of a firmware shows: whether it is one, what it means, and what documents ask of it beyond digests.
 * Meaning is taken only from events of PCRs that were quoted, in so far as their digests prove it. A software TPM has
 * no firmware under it, and a software log is none of a firmware's.
 */
export function appraiseFirmware(
  { class: held, pcrs, baselines }: Measurements,
  log: CryptoAgileLog | undefined,
  explanation: Explanation | undefined,
): FirmwareAppraisal {
  if (log === undefined) return { findings: [], bootState: UNKNOWN_BOOT };
  const quoted = quotedBanksOf({ pcrs });
  if (held === 'software' || isSoftwareLog(log)) {
    return { findings: [], bootState: softwareBootState(believedEvents(log, quoted)) };
  }
  const read = readFirmware(log, quoted);
  const { believed, images, variables, authorities } = read;
  const expected = explanation?.expected ?? NO_EVENTS;
  const unverified = verificationOffences(believed, expected);
  const offences = [...read.offences, ...unverified];
  const { findings, quirks } = settle(offences, namedQuirks(baselines));
  const { secureBoot } = variables;
  const kexec = kexecGuard({
    secureBoot: unverified.length === 0 ? secureBoot : 'unknown',
    documents: baselines,
    expected,
    believed,
  });
  const sbat = generationsOf(sbatLines(believed));
  return {
    findings: [...findings, ...requirementFindings(baselines, { variables, authorities, sbat })],
    bootState: bootStateOf({
      ...{ variables, authorities, believed, images, quoted, kexec, quirks },
      documents: baselines,
      mok: mokListsIn(log, quoted),
      hasExit: saysExitBootServices(log),
    }),
  };
}

/**
 * The quirks without which a log is not one of the profile, so that a baseline made from it can name them: for the
 * person to see who approves it. `quoted`: PCRs that hosts are asked for; all, unless stated.
 */
export function quirksNeeded(log: EventLog, quoted: QuotedBanks = EVERY_PCR): QuirkName[] {
  if (log.format === 'legacy-sha1' || isSoftwareLog(log)) return [];
  return quirksOfOffences(readFirmware(log, quoted).offences);
}

/** What speaks against making a baseline of a log: what would be found in it whatever its digests. */
export function unsoundFindings(
  log: CryptoAgileLog,
  quoted: QuotedBanks,
  quirks: ReadonlySet<string>,
): readonly Finding[] {
  return isSoftwareLog(log) ? [] : settle(readFirmware(log, quoted).offences, quirks).findings;
}

function readFirmware(log: CryptoAgileLog, quoted: QuotedBanks) {
  const believed = believedEvents(log, quoted);
  const images = startedImages(log, quoted);
  const authorities = authoritiesIn(believed);
  const { variables, offences: ofVariables } = secureBootVariables(believed);
  const isOn = variables.secureBoot === 'on' && images.length > 0;
  // What PCR 7 would say is not known where nobody asked for it.
  const ofSecureBoot = quoted.has(7)
    ? [...ofVariables, ...(isOn ? authorityOffences(authorities) : [])]
    : [];
  const offences: Offence[] = [
    ...grammarOffences(log),
    ...variableBootOffences(log.events),
    ...ofSecureBoot,
    ...actionOffences(believed),
    ...revokedOffences(images, quoted, variables.dbx),
  ];
  return { believed, images, variables, authorities, offences };
}

function generationsOf(lines: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    lines.flatMap((line) => {
      const [component = '', generation = ''] = line.split(',');
      return /^[0-9]{1,5}$/u.test(generation) ? [[component, Number(generation)]] : [];
    }),
  );
}

const EVERY_PCR: QuotedBanks = new Map(
  Array.from({ length: 24 }, (_, pcr) => [pcr, ['sha256' as const]]),
);
const NO_EVENTS: ReadonlySet<LogEvent> = new Set();
