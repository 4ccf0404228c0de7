import type { DiskName } from '@touchstone/schemas';

/** QEMU itself; a file that it keeps open to read, or to write as well; one that it only reads while it starts. */
export type FileUse = 'program' | 'open' | 'written' | 'loaded';

/** A file that the VM runs on, as it was when it was read: what QEMU has open is compared with it. */
export type ReadFile = {
  readonly path: string;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  /** When it was last written: nanoseconds since 1970, by the file system. */
  readonly mtimeNs: bigint;
  readonly use: FileUse;
};

/** What would be started, as the permit is to name it. Digests are SHA-256 in hex. */
export type Definition = {
  readonly digest: string;
  /** Of every image whose content was read. */
  readonly imageDigests: readonly string[];
  /** Taken by path alone, since the plan calls them data or sealed. */
  readonly dataDisks: readonly DiskName[];
  /** Those of them whose keys are asked for. `secret`: the uuid by which libvirt knows the key; null at other doors. */
  readonly sealedDisks: readonly { readonly disk: DiskName; readonly secret: string | null }[];
  readonly files: readonly ReadFile[];
};
