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
  LIBVIRT_ABSENT: {
    title: 'This host has no libvirt',
    section: '4 Start a VM',
    remedy: 'Install libvirt-daemon-system; other ways to start VMs have doors of their own.',
    actor: 'host-administrator',
  },
  HOOK_FAILED: {
    title: 'libvirt’s hook could not be put in its place, or looked at',
    section: '4 Start a VM',
    remedy: 'Run this as root; the detail names the path that is in the way.',
    actor: 'host-administrator',
  },
  HOOK_DIRECTORY_EXPOSED: {
    title: 'Others than root may write where libvirt takes its hooks from',
    section: '4 Start a VM',
    remedy:
      'Give the directory to root (`chown root`, `chmod go-w`), once you know who wrote there.',
    actor: 'host-administrator',
  },
  MIGRATION_NOT_ENCRYPTED: {
    title: 'libvirt here takes in VMs over connections that are not encrypted',
    section: '4 Start a VM',
    remedy:
      'Set `migrate_tls_force = 1` in /etc/libvirt/qemu.conf, give QEMU its certificates (docs/libvirt.md), restart libvirtd.',
    actor: 'host-administrator',
  },
  DISK_SECRET_FAILED: {
    title: 'The key of a disk could not be given to libvirt in time',
    section: '4 Start a VM, step 5',
    remedy:
      'See that libvirtd answers, and that the disk’s `<encryption>` in the domain names a secret’s UUID; then start again.',
    actor: 'host-administrator',
  },
} as const;
