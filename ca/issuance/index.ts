export { issueAkCertificate } from './ak-certificate.ts';
export { type Authority, createAuthority, loadAuthority } from './authority.ts';
export { pemOf } from './pem.ts';
