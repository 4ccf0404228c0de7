/** What the agent says of libvirt; part of the agent's one table. */
export const LIBVIRT_CODES = {
  LIBVIRT_UNAVAILABLE: {
    title: 'libvirt does not answer',
    section: '4 Start a VM',
    remedy: 'See that libvirtd runs and that `virsh -c qemu:///system list` answers on this host.',
    actor: 'host-administrator',
  },
  LIBVIRT_FAILED: {
    title: 'libvirt did not do it',
    section: '4 Start a VM',
    remedy: 'The detail has libvirt’s own words; its log (`journalctl -u libvirtd`) says more.',
    actor: 'host-administrator',
  },
} as const;
