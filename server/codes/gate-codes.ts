import { type CodeEntry, entry } from './entry.ts';

/** A host's state and a VM's record: why no permit is given. */
export const GATE_CODES = {
  HOST_NOT_TRUSTED: entry(
    403,
    'The host is not trusted',
    'DESIGN 4, Start a VM',
    'Read the other findings and `touchstone host explain`.',
    'host-administrator',
  ),
  HOST_PENDING: entry(
    403,
    'Nobody has approved the host yet',
    'DESIGN 3',
    'Compare its AK Name on the machine, then `touchstone host approve`.',
    'approver',
  ),
  HOST_REVOKED: entry(403, 'The host was revoked', 'DESIGN 3', 'Nothing brings it back.', 'nobody'),
  HOST_STALE: entry(
    403,
    'The host has given no authentic evidence for three intervals',
    'DESIGN 3',
    'Look whether the agent runs and reaches the server: `touchstone-agent status`.',
    'host-administrator',
  ),
  WARNING_NOT_ACCEPTED: entry(
    403,
    "The host's verdict is a warning, and the VM's record takes none",
    'DESIGN 5, Baselines',
    'Mend what is warned of; `touchstone host explain` says what that is.',
    'host-administrator',
  ),
  VM_UNKNOWN: entry(
    404,
    'No VM of this uuid is registered',
    'DESIGN 4, Start a VM',
    'Register it: `touchstone vm add`.',
  ),
  CLASS_NOT_ACCEPTED: entry(
    403,
    "The VM does not accept the class of the host's TPM",
    'DESIGN 5',
    "Start it on a host of an accepted class, or change the VM's record.",
  ),
  HOST_LABELS_MISMATCH: entry(
    403,
    'The host lacks labels that the VM asks for',
    'DESIGN 4, Start a VM',
    'Start it on a host with those labels.',
  ),
  IMAGE_NOT_GOLDEN: entry(
    403,
    "An image is not among the VM's golden images",
    'DESIGN 4, Start a VM',
    "Restore the image, or list its digest in the VM's record.",
  ),
  VM_SEALED_REFUSES: entry(
    422,
    'A VM with a sealed disk has only the fail mode refuse',
    'DESIGN 4, Fail modes',
    'Leave the fail mode out, or keep no disk of it sealed.',
  ),
  VM_DISK_TWICE: entry(
    422,
    'The record names one disk twice',
    'DESIGN 4, Start a VM',
    'Name each disk once, as data or as sealed.',
  ),
  REQUEST_ALREADY_ANSWERED: entry(
    409,
    'This request was answered before, to other evidence',
    'DESIGN 4, Start a VM 3',
    'Ask again with a new request id.',
    'agent',
  ),
  PERMIT_PURPOSE_MISSING: entry(
    422,
    'The evidence was not made to ask for a permit',
    'DESIGN 4, Start a VM',
    'Quote with purpose permit.',
    'agent',
  ),
} as const satisfies Record<string, CodeEntry>;
