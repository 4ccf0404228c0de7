/** What can keep a sealed disk's key from a VM at the host. */
export const KEY_CODES = {
  RELEASE_UNEXPECTED: {
    title: 'The release key is not the one that the permit is for',
    section: '4 Start a VM, step 5',
    remedy:
      'Ask again. If it persists, compare the deployment’s keys (`touchstone keys list`): somebody may stand in between.',
    actor: 'operator',
  },
  RELEASE_REFUSED: {
    title: 'The TPM does not give the release key',
    section: '4 Start a VM, step 5',
    remedy:
      'Ask again: it is given once, within a minute, in the boot that asked. If it persists, the detail names the TPM’s ' +
      'response code; `touchstone-agent doctor` tells whether this TPM can have sealed disks.',
    actor: 'host-administrator',
  },
  RELEASE_PCRS_CHANGED: {
    title: 'A PCR changed while the key was on its way',
    section: '4 Start a VM, step 5',
    remedy:
      'Ask again. If it persists, something on this host extends PCRs all the time, or the list of release PCRs has one ' +
      'that does not hold still.',
    actor: 'operator',
  },
  DISK_KEY_UNREADABLE: {
    title: 'The key of a disk does not open for this start',
    section: '4 Start a VM, step 5',
    remedy: 'Ask again. If it persists, somebody may stand in between agent and server.',
    actor: 'operator',
  },
  SEALED_DISKS_UNSUPPORTED: {
    title: 'This TPM cannot be given keys of sealed disks',
    section: '4 Start a VM, step 5',
    remedy:
      'It lacks TPM2_PolicySigned, TPM2_LoadExternal or another command of them. Its VMs without sealed disks start as ' +
      'everywhere; ask the maker for newer firmware, or place those with sealed disks on other hosts.',
    actor: 'host-administrator',
  },
  LAUNCHER_MISSING: {
    title: 'The program that hands a VM its keys is missing',
    section: '4 Start a VM, step 5',
    remedy: 'Install perl-base, of which it is part on Debian.',
    actor: 'host-administrator',
  },
  SEALED_DISKS_DOOR: {
    title: 'Through this door no key reaches a VM',
    section: '4 Start a VM, step 5',
    remedy:
      'Start VMs with sealed disks by libvirt, or by `touchstone-agent run` as the service’s ExecStart=.',
    actor: 'host-administrator',
  },
  KEYS_NOT_HELD: {
    title: 'No keys wait for this start',
    section: '4 Start a VM, step 5',
    remedy:
      'They wait for 15 s, for the one who asked, and are handed out once. Start the VM again.',
    actor: 'host-administrator',
  },
} as const;
