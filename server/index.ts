export { SERVER_CODES, type ServerCode } from './codes.ts';
export type { CodeEntry } from './codes/entry.ts';
