import type { Reader } from '@touchstone/tpm';

/** EFI_GUID: UEFI 2.10, appendix A. Off a little-endian reader, as lower-case text. */
export function readGuid(reader: Reader, field: string): string {
  const first = reader.u32(field).toString(16).padStart(8, '0');
  const second = reader.u16(field).toString(16).padStart(4, '0');
  const third = reader.u16(field).toString(16).padStart(4, '0');
  const rest = Buffer.from(reader.bytes(8, field)).toString('hex');
  return `${first}-${second}-${third}-${rest.slice(0, 4)}-${rest.slice(4)}`;
}

/** The vendor of the variables that UEFI itself defines: SecureBoot, PK, KEK, BootOrder. */
export const EFI_GLOBAL_VARIABLE = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
/** The vendor of db, dbx, dbt and dbr. */
export const EFI_IMAGE_SECURITY_DATABASE = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f';
/** The vendor of shim's variables. */
export const SHIM_LOCK = '605dab50-e046-4300-abb6-3dd810dd8b23';
