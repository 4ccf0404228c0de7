export { type CodeEntry, SERVER_CODES, type ServerCode } from './codes.ts';
