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
      'Give the disk `<transient/>` or `<readonly/>`, or record it as a data disk; give the `<loader>` of a firmware ' +
      '`readonly="yes"`. Else its digest is another one at the next start.',
    actor: 'host-administrator',
  },
} as const;
