export { SERVER_CODES, type ServerCode } from './codes.ts';
export type { CodeEntry } from './codes/entry.ts';
/** Pure: what a test shows to a TPM is what the server sends. */
export { sealDiskKey, sealReleaseKey } from './services/release-key.ts';
