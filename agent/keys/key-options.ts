import type { DiskName } from '@touchstone/schemas';

/**
 * A command, as the kernel shows it, without what start-with-keys.pl has added to it for these disks: two words for
 * each, in their order, at its end, which differ by the descriptor alone. Null where it does not end so.
 */
export function withoutKeyOptions(command: Buffer, disks: readonly DiskName[]): Buffer | null {
  const added = disks.map(
    (disk) => `-object\0secret,id=touchstone-${disk},format=raw,file=/dev/fd/[0-9]{1,10}\0`,
  );
  const at = command.toString('latin1').search(new RegExp(`(?<=\0)${added.join('')}$`, 'u'));
  return at < 0 ? null : command.subarray(0, at);
}
