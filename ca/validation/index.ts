export type { ConfiguredRoot, TrustedCertificates } from './ek-chain.ts';
export {
  type CheckedEnrollment,
  checkEnrollment,
  type EnrollmentBytes,
  type EnrollmentContext,
  type EnrollmentIdentity,
  type EnrollmentVerdict,
} from './enrollment-check.ts';
