import { createHmac, hkdfSync } from 'node:crypto';
import type { DiskName } from '@touchstone/schemas';
import { bytesSealer } from './sealed-bytes.ts';

type Belongs = { readonly vm: string; readonly disk: DiskName };

/** Keys of VMs' disks at rest: a copy of the database alone opens no disk. */
export type DiskKeySealer = {
  seal(key: Uint8Array, to: Belongs): Uint8Array;
  /** The caller overwrites it. @throws Error for what was sealed for another disk, or by another root secret */
  open(sealed: Uint8Array, of: Belongs): Buffer;
  /** Tells two keys of one disk apart, and nothing of either to whoever has not the root secret. */
  fingerprint(key: Uint8Array, of: Belongs): string;
};

export function diskKeySealer(rootSecret: Uint8Array): DiskKeySealer {
  const sealer = bytesSealer(rootSecret, 'touchstone/disk-keys/1');
  const told = new Uint8Array(
    hkdfSync('sha256', rootSecret, '', 'touchstone/disk-key-fingerprints/1', 32),
  );
  const nameOf = ({ vm, disk }: Belongs) => `${vm}\0${disk}`;
  return {
    seal: (key, to) => sealer.seal(key, nameOf(to)),
    open: (sealed, of) => sealer.open(sealed, nameOf(of)),
    fingerprint: (key, of) =>
      createHmac('sha256', told)
        .update(`${nameOf(of)}\0`)
        .update(key)
        .digest('hex'),
  };
}
