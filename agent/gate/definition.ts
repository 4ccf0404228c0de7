import type { DiskName } from '@touchstone/schemas';

/** QEMU itself; a file that it keeps open; one that it reads while it starts and closes again. */
export type FileUse = 'program' | 'open' | 'loaded';

/** A file that the VM runs on, as it was when it was read: what QEMU has open is compared with it. */
export type ReadFile = {
  readonly path: string;
  readonly dev: bigint;
  readonly ino: bigint;
  /** Changes with whatever is done to the file: nanoseconds since 1970, by the file system. */
  readonly ctimeNs: bigint;
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
