export { runAsChild, runAtSocket } from './run-issuance.ts';
