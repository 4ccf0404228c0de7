import { type CryptoAgileLog, type LogEvent, SOFTWARE_VENDOR_INFO } from '@touchstone/eventlog';
import type { AssuranceClass, Finding } from '@touchstone/schemas';
import { hexOf, isZero } from './bytes.ts';
import { finding } from './finding.ts';
import { believedSoftware } from './measured-software.ts';
import type { Measurements } from './measurements.ts';

/** What the agent measures on a software TPM: command line, kernel and initrd, its own files. */
export const SOFTWARE_PCRS = { commandLine: 8, bootChain: 9, runtime: 13 } as const;

const MEASURED: readonly number[] = Object.values(SOFTWARE_PCRS);
/** What firmware measures into before the operating system: TCG PC Client PFP, 3.3.4. */
export const FIRMWARE_PCRS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7];

/**
 * Whether the log is of the kind that hosts of this class have. The class says which kind that is; what
 * the log's header claims is only compared with it. What a firmware's log has to be besides is said in firmware/.
 */
export function grammarFindings(
  measured: Pick<Measurements, 'pcrs'>,
  log: CryptoAgileLog | undefined,
  assuranceClass: AssuranceClass,
): Finding[] {
  if (assuranceClass === 'software') {
    return [
      ...firmwarePcrFindings(measured),
      ...(log === undefined ? [] : softwareLogFindings(log)),
    ];
  }
  if (log === undefined || !isSoftwareLog(log)) return [];
  return [finding('LOG_WRONG_FOR_CLASS', { subject: 'boot log', actual: 'touchstone-sw' })];
}

function softwareLogFindings(log: CryptoAgileLog): Finding[] {
  const findings: Finding[] = [];
  if (!isSoftwareLog(log)) {
    const actual = shown(log.specId.vendorInfo);
    const details = { subject: 'boot log, vendorInfo', expected: 'touchstone-sw', actual };
    findings.push(finding('LOG_WRONG_FOR_CLASS', details));
  }
  for (const event of log.events) {
    const actual = offence(event);
    if (actual === undefined) continue;
    const { index, pcr, claimedTypeName: type } = event;
    const subject = `event ${index} in PCR ${pcr}`;
    findings.push(finding('LOG_WRONG_FOR_CLASS', { subject, actual, event: { index, pcr, type } }));
  }
  return findings;
}

function offence(event: LogEvent): string | undefined {
  if (event.claimedTypeName !== 'EV_EVENT_TAG') return `an event of type ${event.claimedTypeName}`;
  if (!MEASURED.includes(event.pcr)) return 'a PCR that software does not measure into';
  if (believedSoftware(event) === undefined) return 'data that is not what its digest says';
  return undefined;
}

/** There is no firmware under a software TPM that could have measured anything. */
function firmwarePcrFindings(measured: Pick<Measurements, 'pcrs'>): Finding[] {
  return [...measured.pcrs].flatMap(([bank, values]) =>
    [...values]
      .filter(([pcr, value]) => FIRMWARE_PCRS.includes(pcr) && !isZero(value))
      .map(([pcr, value]) =>
        finding('LOG_WRONG_FOR_CLASS', {
          subject: `PCR ${pcr} (${bank})`,
          expected: 'zero on a software TPM',
          actual: hexOf(value),
        }),
      ),
  );
}

/** What its header claims. */
export const isSoftwareLog = ({ specId }: CryptoAgileLog): boolean =>
  shown(specId.vendorInfo) === shown(SOFTWARE_VENDOR_INFO);

const shown = (vendorInfo: Uint8Array | string): string =>
  typeof vendorInfo === 'string' ? vendorInfo : Buffer.from(vendorInfo).toString('latin1');
