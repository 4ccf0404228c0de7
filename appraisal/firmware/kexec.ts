import type { LogEvent } from '@touchstone/eventlog';
import type { AllowedMeasurement, AssuranceClass, BootState, Finding } from '@touchstone/schemas';
import type { LiveBaseline } from '../comparison/applicable-baselines.ts';
import { kernelWordsOf } from '../comparison/command-words.ts';
import { digestIn } from '../comparison/rule-index.ts';
import { finding } from '../finding.ts';
import { type BelievedEvent, ofKind } from './believed-events.ts';
import type { Switch } from './secure-boot-variables.ts';

/** Why no other kernel could have been started by the one that was measured; `open` where it could. */
export type KexecGuard = BootState['kexec'];

/** What IMA's list shows of the same boot. */
export type KexecInIma = {
  /** A policy in a baseline has every kernel that is loaded measured (KEXEC_KERNEL_CHECK). */
  readonly measured: boolean;
  /** How many kernels said that they began: one a boot, without kexec. */
  readonly bootAggregates: number;
};

/**
 * kexec starts another kernel without a reset, and PCR 0 to 9 stay as they were. It is held off where
 * - Secure Boot is on, and the kernel that was started is known to lock itself down then, or its command line says
 *   `lockdown=`: it then starts signed kernels only;
 * - the kernel has no kexec, or its command line turns it off before anything else runs.
 *
 * Only events count that are as a baseline has them. A loader may measure several kernels and command lines, and starts the
 * last: what is known of another one counts for nothing.
 */
export function kexecGuard(boot: {
  readonly secureBoot: Switch;
  readonly documents: readonly LiveBaseline[];
  /** Events as a baseline has them. */
  readonly expected: ReadonlySet<LogEvent>;
  readonly believed: readonly BelievedEvent[];
}): Exclude<KexecGuard, 'measured'> {
  const { secureBoot, documents, expected, believed } = boot;
  const lines = ofKind(believed, 'command-line');
  const lastOfGrub = lines.findLast(({ event }) => event.pcr === GRUB_PCR);
  const words = lines
    .filter(({ event }) => event.pcr !== GRUB_PCR || event === lastOfGrub?.event)
    .filter(({ event }) => expected.has(event))
    .flatMap(({ meaning }) => kernelWordsOf(meaning.text ?? '') ?? []);
  const allowed = allowedOf(documents, expected);
  if (allowed.some(({ kexec }) => kexec === 'absent') || words.some(turnsOff)) return 'absent';
  const locksDown = allowed.some(({ lockdown }) => lockdown === true) || words.some(isLockdown);
  return secureBoot === 'on' && locksDown ? 'locked-down' : 'open';
}

/** Of images that firmware started, and of GRUB's command lines: each takes the place of the one before. */
const IMAGE_PCR = 4;
const GRUB_PCR = 8;

/** Documentation/admin-guide/kernel-parameters.txt: `sysctl.*` is set before init is run. */
const turnsOff = (word: string): boolean => word === 'sysctl.kernel.kexec_load_disabled=1';

const isLockdown = (word: string): boolean =>
  word === 'lockdown=integrity' || word === 'lockdown=confidentiality';

/** What of the documents says something about a kernel, and is what the boot showed. */
function allowedOf(
  documents: readonly LiveBaseline[],
  expected: ReadonlySet<LogEvent>,
): AllowedMeasurement[] {
  const telling = documents.flatMap(({ baseline, banks }) =>
    baseline.rules.flatMap(({ pcr, type, allow = [] }) =>
      allow
        .filter(({ lockdown, kexec }) => lockdown === true || kexec === 'absent')
        .map((allowed) => ({ pcr, type, allowed, banks })),
    ),
  );
  if (telling.length === 0) return [];
  const last = Math.max(...[...expected].filter(isImage).map(({ index }) => index));
  const started = [...expected].filter(({ pcr, index }) => pcr !== IMAGE_PCR || index === last);
  return started.flatMap((event) =>
    telling
      .filter(
        ({ pcr, type, allowed, banks }) =>
          event.pcr === pcr &&
          event.claimedTypeName === type &&
          banks.every((bank) => allowed[bank] === digestIn(event, bank)),
      )
      .map(({ allowed }) => allowed),
  );
}

const isImage = ({ pcr, claimedTypeName }: LogEvent): boolean =>
  pcr === IMAGE_PCR && claimedTypeName === 'EV_EFI_BOOT_SERVICES_APPLICATION';

/** What another kernel could have done to the verdict. On a software TPM, where all is the host's word, it warns. */
export function kexecFindings(
  held: AssuranceClass,
  guard: KexecGuard,
  ima?: KexecInIma,
): Finding[] {
  const effect = held === 'software' ? 'warn' : 'enforce';
  const findings: Finding[] = [];
  if (held === 'software' || guard === 'open') {
    findings.push(finding('KEXEC_UNMEASURED', { subject: 'kexec', effect }));
  }
  if (ima !== undefined && ima.bootAggregates > 1) {
    const details = { expected: 'one boot_aggregate', actual: `${ima.bootAggregates}` };
    findings.push(finding('KEXEC_SEEN', { subject: 'kexec', ...details, effect }));
  }
  return findings;
}

/** With what IMA shows, which is not of the log of the boot. */
export const withIma = (guard: KexecGuard, ima: KexecInIma | undefined): KexecGuard =>
  guard === 'open' && ima?.measured === true ? 'measured' : guard;
