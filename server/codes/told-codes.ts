import { type CodeEntry, entry } from './entry.ts';

/**
 * Exposures that hosts tell of, and what became of starts, in the agent's own words: for alerts and the page, which come from here. A test holds
 * that both say the same.
 */
export const TOLD_CODES = {
  VM_WITHOUT_PERMIT: entry(
    200,
    'A VM runs for whose start no permit of this boot is known',
    '4 Start a VM',
    'Find out who started it, and how. A VM that ran before the gate was set up here: stop it and start it again. ' +
      'Otherwise somebody went round the gate.',
    'host-administrator',
  ),
  QEMU_BY_HAND: entry(
    200,
    'A hypervisor’s process runs that no door of the gate knows',
    '4 Start a VM',
    'Find out who started the process named and end it. VMs start by libvirt, or by `touchstone-agent run`.',
    'host-administrator',
  ),
  HOOK_MISSING: entry(
    200,
    'libvirt asks nobody: the gate’s hook is not there, or cannot be executed',
    '4 Start a VM, step 1',
    '`touchstone-agent install-hook`, then `systemctl restart libvirtd`: running VMs stay.',
    'host-administrator',
  ),
  HOOK_CHANGED: entry(
    200,
    'The gate’s hook is not the one that this agent brought',
    '4 Start a VM, step 1',
    'Find out who changed it. `touchstone-agent install-hook` puts the right one back; after an update of the agent ' +
      'too.',
    'host-administrator',
  ),
  HOOK_NOT_SEEN: entry(
    200,
    'libvirtd runs since before the gate’s hook was there, and may not call it',
    '4 Start a VM, step 1',
    '`systemctl restart libvirtd` (running VMs stay). After `systemctl reload` it is believed once the hook was called.',
    'host-administrator',
  ),
  LOSS_ACTION_FAILED: entry(
    200,
    'What the VM’s record orders on loss of trust could not be done',
    '4 Start a VM',
    'Do it by hand now: `virsh suspend` or `virsh shutdown`. The agent tries again by itself.',
    'host-administrator',
  ),
  TPM_RESET_UNDER_SYSTEM: entry(
    200,
    'The TPM was reset while the system that it measured ran on',
    '4 Attest; TPM 2.0 Library, Part 1, 36',
    'Restart the host, and do not let it sleep or hibernate. If it did neither, find out who was at the machine: what ' +
      'its TPM shows until then may have been put into it by hand.',
    'host-administrator',
  ),
  WATCH_BLIND: entry(
    200,
    'The agent cannot see what runs on this host',
    '4 Start a VM',
    'Run the agent as root, with /proc and libvirt’s directories where agent.yaml says. Where it cannot tell which ' +
      'hook is right: install the agent again, with a state directory of plain letters.',
    'host-administrator',
  ),
  IMAGES_DIFFER: entry(
    200,
    'QEMU runs on another file than the one that was read for the permit',
    '4 Start a VM, step 2',
    'Start the VM again. If it comes back, find out who replaces the file or the link on the way to it.',
    'host-administrator',
  ),
  DOMAIN_DIFFERS: entry(
    200,
    'The VM that was started is not the one that the permit was for',
    '4 Start a VM, step 2',
    'Start the VM again. If it comes back, find out who changes the domain while it starts.',
    'host-administrator',
  ),
  VM_DID_NOT_RUN: entry(
    200,
    'The VM was let go, and its start failed by itself',
    '4 Start a VM',
    'It is no refusal of the gate’s. virsh’s error says why, and /var/log/libvirt/qemu on the host what QEMU said.',
    'host-administrator',
  ),
  QEMU_UNSEEN: entry(
    200,
    'The VM’s QEMU, or what it has open, cannot be looked at',
    '4 Start a VM, step 2',
    'Run the agent as root beside libvirtd: it has to see /run/libvirt/qemu and /proc of the host’s processes.',
    'host-administrator',
  ),
} as const satisfies Record<string, CodeEntry>;
