/**
 * What runs, or could run, round the gate of this host, and what became of starts that it let go; part of the agent's one
 * table. Told in its next attestation.
 */
export const WATCH_CODES = {
  VM_WITHOUT_PERMIT: {
    title: 'A VM runs for whose start no permit of this boot is known',
    section: '4 Start a VM',
    remedy:
      'Find out who started it, and how. A VM that ran before the gate was set up here: stop it and start it again. ' +
      'Otherwise somebody went round the gate.',
    actor: 'host-administrator',
  },
  QEMU_BY_HAND: {
    title: 'A hypervisor’s process runs that no door of the gate knows',
    section: '4 Start a VM',
    remedy:
      'Find out who started the process named and end it. VMs start by libvirt, or by `touchstone-agent run`.',
    actor: 'host-administrator',
  },
  HOOK_MISSING: {
    title: 'libvirt asks nobody: the gate’s hook is not there, or cannot be executed',
    section: '4 Start a VM, step 1',
    remedy: '`touchstone-agent install-hook`, then `systemctl restart libvirtd`: running VMs stay.',
    actor: 'host-administrator',
  },
  HOOK_CHANGED: {
    title: 'The gate’s hook is not the one that this agent brought',
    section: '4 Start a VM, step 1',
    remedy:
      'Find out who changed it. `touchstone-agent install-hook` puts the right one back; after an update of the agent ' +
      'too.',
    actor: 'host-administrator',
  },
  HOOK_NOT_SEEN: {
    title: 'libvirtd runs since before the gate’s hook was there, and may not call it',
    section: '4 Start a VM, step 1',
    remedy:
      '`systemctl restart libvirtd` (running VMs stay). After `systemctl reload` it is believed once the hook was called.',
    actor: 'host-administrator',
  },
  LOSS_ACTION_FAILED: {
    title: 'What the VM’s record orders on loss of trust could not be done',
    section: '4 Start a VM',
    remedy:
      'Do it by hand now: `virsh suspend` or `virsh shutdown`. The agent tries again by itself.',
    actor: 'host-administrator',
  },
  TPM_RESET_UNDER_SYSTEM: {
    title: 'The TPM was reset while the system that it measured ran on',
    section: '4 Attest; TPM 2.0 Library, Part 1, 36',
    remedy:
      'Restart the host, and do not let it sleep or hibernate. If it did neither, find out who was at the machine: what ' +
      'its TPM shows until then may have been put into it by hand.',
    actor: 'host-administrator',
  },
  WATCH_BLIND: {
    title: 'The agent cannot see what runs on this host',
    section: '4 Start a VM',
    remedy:
      'Run the agent as root, with /proc and libvirt’s directories where agent.yaml says. Where it cannot tell which ' +
      'hook is right: install the agent again, with a state directory of plain letters.',
    actor: 'host-administrator',
  },
  IMAGES_DIFFER: {
    title: 'QEMU runs on another file than the one that was read for the permit',
    section: '4 Start a VM, step 2',
    remedy:
      'Start the VM again. If it comes back, find out who replaces the file or the link on the way to it.',
    actor: 'host-administrator',
  },
  DOMAIN_DIFFERS: {
    title: 'The VM that was started is not the one that the permit was for',
    section: '4 Start a VM, step 2',
    remedy:
      'Start the VM again. If it comes back, find out who changes the domain while it starts.',
    actor: 'host-administrator',
  },
  VM_DID_NOT_RUN: {
    title: 'The VM was let go, and its start failed by itself',
    section: '4 Start a VM',
    remedy:
      'It is no refusal of the gate’s. virsh’s error says why, and /var/log/libvirt/qemu on the host what QEMU said.',
    actor: 'host-administrator',
  },
  QEMU_UNSEEN: {
    title: 'The VM’s QEMU, or what it has open, cannot be looked at',
    section: '4 Start a VM, step 2',
    remedy:
      'Run the agent as root beside libvirtd: it has to see /run/libvirt/qemu and /proc of the host’s processes.',
    actor: 'host-administrator',
  },
} as const;
