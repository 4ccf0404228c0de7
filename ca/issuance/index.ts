export { createAuthority, loadAuthority } from './authority.ts';
export { heldAuthority } from './held-authority.ts';
export type { Issuance } from './issuance.ts';
export { pemOf } from './pem.ts';
