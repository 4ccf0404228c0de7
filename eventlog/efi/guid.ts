import type { Reader } from '@touchstone/tpm';

/** EFI_GUID: UEFI 2.10, appendix A. Off a little-endian reader, as lower-case text. */
export function readGuid(reader: Reader, field: string): string {
  return guidText(reader.bytes(GUID_SIZE, field));
}

const GUID_SIZE = 16;

/** The same of its 16 bytes: the first three numbers are little-endian. */
export function guidText(guid: Uint8Array): string {
  let text = '';
  for (const at of ORDER) text += at < 0 ? '-' : BYTES[guid[at]!]!;
  return text;
}

const ORDER = [3, 2, 1, 0, -1, 5, 4, -1, 7, 6, -1, 8, 9, -1, 10, 11, 12, 13, 14, 15];
const BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The vendor of the variables that UEFI itself defines: SecureBoot, PK, KEK, BootOrder. */
export const EFI_GLOBAL_VARIABLE = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
/** The vendor of db, dbx, dbt and dbr. */
export const EFI_IMAGE_SECURITY_DATABASE = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f';
/** The vendor of shim's variables. */
export const SHIM_LOCK = '605dab50-e046-4300-abb6-3dd810dd8b23';
