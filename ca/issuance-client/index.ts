export { type OpenIssuance, openIssuance } from './open-issuance.ts';
