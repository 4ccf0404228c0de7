export { answerTo, askedIssuance } from './answer.ts';
export { CustodyError } from './custody-error.ts';
export type { Custody } from './custody.ts';
export type { AkSubject, Issuance, KeyRole, RevokedCertificate } from './issuance.ts';
export { localIssuance } from './local-issuance.ts';
export { MAX_MESSAGE_BYTES } from './operations.ts';
export { pemOf } from './pem.ts';
export { fileCustodyIn, type Passphrase, stateCustody } from './state-directory.ts';
