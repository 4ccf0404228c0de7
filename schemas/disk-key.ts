import { Type } from 'typebox';
import { DiskName } from './door.ts';
import { base64UrlUpTo, closed, LineOfText, Timestamp } from './scalars.ts';

/**
 * POST /v1/vms/{uuid}/disk-keys at the server: what QEMU is to open a sealed disk with. Nothing gives it back: it is
 * released to a TPM alone. QEMU takes LUKS passphrases as UTF-8, so it is text; 16 to 512 bytes.
 */
export const DiskKeySetting = closed({ disk: DiskName, key: base64UrlUpTo(512) });
export type DiskKeySetting = Type.Static<typeof DiskKeySetting>;

/** POST /v1/vms/{uuid}/disk-keys/removal at the server. */
export const DiskKeyRemoval = closed({ disk: DiskName });
export type DiskKeyRemoval = Type.Static<typeof DiskKeyRemoval>;

/** What is known of a stored key. */
export const DiskKeyRecord = closed({
  disk: DiskName,
  setBy: LineOfText(256),
  setAt: Timestamp,
});
export type DiskKeyRecord = Type.Static<typeof DiskKeyRecord>;

/** GET /v1/vms/{uuid}/disk-keys at the server. */
export const DiskKeyList = closed({ keys: Type.Array(DiskKeyRecord, { maxItems: 64 }) });
export type DiskKeyList = Type.Static<typeof DiskKeyList>;
