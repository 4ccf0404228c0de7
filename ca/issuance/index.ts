export { type AkClaims, issueAkCertificate, type IssuedAkCertificate } from './ak-certificate.ts';
export { type Authority, createAuthority, loadAuthority } from './authority.ts';
export { CustodyError } from './custody-error.ts';
export { pemOf } from './pem.ts';
