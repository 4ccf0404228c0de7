export type { ConfiguredRoot } from './ek-chain.ts';
export {
  type CheckedEnrollment,
  checkEnrollment,
  type EnrollmentBytes,
  type EnrollmentIdentity,
} from './enrollment-check.ts';
