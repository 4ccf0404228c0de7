/** Codes of what a domain of libvirt's is made of. Sections are of DESIGN. */
export const DOMAIN_CODES = {
  SEALED_DISK_PLAIN: {
    title: 'A disk whose key is kept at the server is not encrypted in the domain',
    section: '4 Start a VM, step 5',
    remedy:
      'Give the disk `<encryption format="luks">` with `<secret type="passphrase" uuid="...">`, or take it out of the ' +
      'VM’s record.',
    actor: 'host-administrator',
  },
  GOLDEN_DISK_WRITABLE: {
    title: 'The VM may write to an image whose digest is recorded',
    section: '4 Start a VM',
    remedy:
      'Give the disk `<transient/>` or `<readonly/>`, or record it as a data disk. Else its digest is another one at ' +
      'the next start.',
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
  QEMU_UNSEEN: {
    title: 'The VM’s QEMU, or what it has open, cannot be looked at',
    section: '4 Start a VM, step 2',
    remedy:
      'Run the agent as root beside libvirtd: it has to see /run/libvirt/qemu and /proc of the host’s processes.',
    actor: 'host-administrator',
  },
} as const;
