/** Codes of what a VM is made of, by whatever door. Sections are of DESIGN. */
export const DEFINITION_CODES = {
  DEFINITION_UNREADABLE: {
    title: 'A file that the command names cannot be read',
    section: '4 Start a VM, step 2',
    remedy: 'Correct the path. What cannot be measured is not started.',
    actor: 'host-administrator',
  },
  DEFINITION_UNCOVERED: {
    title: 'The command starts from something that its digest cannot cover',
    section: '4 Start a VM, step 2',
    remedy:
      'Write each option out, and name whole files: raw or qcow2 images, whose backing files have a path and a stated ' +
      'format; no directories, no network. What is no golden image may be recorded as a data disk of the VM.',
    actor: 'host-administrator',
  },
  EPHEMERAL_ROOT_REFUSED: {
    title: 'The disk that is to be thrown away cannot be',
    section: '4 Start a VM',
    remedy:
      'Give the disk by `-drive file=...,format=...` without snapshot or readonly, and name it by its place among the ' +
      'disks of the command: disk0, disk1.',
    actor: 'host-administrator',
  },
} as const;
