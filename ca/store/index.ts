export {
  activeIssuer,
  insertAuthority,
  type IssuingAuthority,
  issuerFor,
  listAuthorities,
} from './authorities.ts';
export { recordedKey } from './attestation-keys.ts';
export { readBundle } from './bundle.ts';
export { recordActivation } from './certificates.ts';
export { databaseNow, openPool, withConnection } from './database.ts';
export { isRevoked, revokeEndorsementKey } from './endorsement-keys.ts';
export { forgetPending, insertEnrollment, takeAttempt } from './enrollments.ts';
export { forgetEnded, setCertificateDays } from './retention.ts';
export { checkSchemaVersion, migrate } from './schema-version.ts';
export { queueUntrusted } from './untrusted-endorsement-keys.ts';
