import { type CodeEntry, entry } from './entry.ts';
import { TOLD_CODES } from './told-codes.ts';

/** What runs, or could run, without a proof: alerts, and what `touchstone exposure list` and the page show. */
export const EXPOSURE_CODES = {
  ...TOLD_CODES,
  VM_ON_UNTRUSTED_HOST: entry(
    200,
    'A VM runs on a host that is not trusted any more',
    'DESIGN 4, Start a VM; docs/gate.md',
    'Mend the host and restart it, or stop the VM there. Its record says what happens by itself: `touchstone vm show`.',
  ),
  GATE_SILENT: entry(
    200,
    'VMs run on a host that said nothing of them for three intervals',
    'DESIGN 3; docs/gate.md',
    'Look whether the host is there and its agent reaches the server: `touchstone-agent status`. No VM is stopped for it.',
    'host-administrator',
  ),
  LICENCE_USED: entry(
    200,
    'A VM was started without a verdict, by a standing licence',
    'DESIGN 4, Fail modes',
    'Nothing, where the server was away at that time. It ends with the VM there, or by its next start there that is permitted.',
  ),
  OBSERVED_START: entry(
    200,
    'A VM was started that would have been refused: the gate only observes',
    'DESIGN 4; docs/gate.md',
    'Mend what it would have been refused for (`touchstone vm starts`) before observe mode ends.',
  ),
  RESTORE_UNKNOWN: entry(
    200,
    'A VM was restored from a file that its host did not see saved',
    'DESIGN 4, Start a VM 2',
    'Make sure that the file is the one that was saved. A start from nothing ends this.',
  ),
  VM_TRUST_LOST: entry(
    200,
    'The trust in a host was lost while VMs ran there',
    'DESIGN 4; docs/gate.md',
    'What was done to each VM is named. Mend the host and restart it; `touchstone vm clear` frees a VM that is held.',
  ),
  REPORT_OMITS: entry(
    200,
    'A host has more to tell than a report takes',
    'docs/gate.md',
    'Look on the host itself: `touchstone-agent status`.',
    'host-administrator',
  ),
  EXPOSURES_DROPPED: entry(
    200,
    'A host had more starts without a proof than are kept, and the oldest lines of them are gone',
    'docs/gate.md',
    'No host starts so many VMs in minutes: look at what is done on it. The starts themselves are kept: ' +
      '`touchstone vm starts`, and the audit log. It ends when every VM there has stopped, or has a permit or a line of its own.',
    'host-administrator',
  ),
  EXPOSURE_UNKNOWN: entry(
    200,
    'A host tells of something that this version of the server does not know',
    'docs/gate.md',
    'Bring the server to the version of the agents. `touchstone exposure list` shows what was told.',
  ),
  OBSERVE_MODE: entry(
    200,
    'The gate observes and refuses no start',
    'docs/gate.md',
    'When every VM would start anyway (`touchstone exposure list`): `touchstone gate enforce`.',
    'approver',
  ),
  VM_HELD: entry(
    403,
    'The VM is held: the trust in its host was lost while it ran there',
    'DESIGN 4; docs/gate.md',
    'Look at what the host could have done to it; then `touchstone vm clear`.',
    'approver',
  ),
  VM_NOT_HELD: entry(409, 'The VM is not held', 'docs/gate.md', 'Nothing: it may start.'),
} as const satisfies Record<string, CodeEntry>;

export type ExposureCode = keyof typeof EXPOSURE_CODES;
