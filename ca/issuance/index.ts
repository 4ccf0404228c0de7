export { createAuthority, loadAuthority } from './authority.ts';
export { heldAuthority } from './held-authority.ts';
export type { AkSubject, Issuance, KeyRole, RevokedCertificate } from './issuance.ts';
/** @public */
export { localIssuance } from './local-issuance.ts';
export { pemOf } from './pem.ts';
/** @public */
export { fileCustodyIn } from './state-directory.ts';
