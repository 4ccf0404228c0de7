export {
  activeIssuer,
  insertAuthority,
  type IssuingAuthority,
  issuerFor,
  listAuthorities,
} from './authorities.ts';
export {
  countWaiting,
  decideApproval,
  insertApproval,
  lapseEveryApproval,
  listApprovals,
  lockWaiting,
  type StoredApproval,
} from './approvals.ts';
export { admittedByRoot, admittedKeys, countVouched } from './admitted-keys.ts';
export { recordedKey } from './attestation-keys.ts';
export { appendAudit, listAudit } from './audit.ts';
export { readBundle } from './bundle.ts';
export { recordActivation } from './certificates.ts';
export { databaseNow, openPool, withConnection } from './database.ts';
export { revokeEndorsementKey, stateOfEk } from './endorsement-keys.ts';
export { pinOf } from './endorsement-pins.ts';
export { type Attempt, forgetPending, insertEnrollment, takeAttempt } from './enrollments.ts';
export {
  claimFirstOperator,
  insertOperator,
  isLiveOperator,
  listOperators,
  operatorByHash,
  revokeEveryOperator,
  revokeOperator,
} from './operators.ts';
export { approvers, holdQuorum, lockQuorum, readQuorum, setQuorum } from './quorum.ts';
export { forgetEnded, setCertificateDays } from './retention.ts';
export { checkSchemaVersion, migrate } from './schema-version.ts';
export {
  dueLists,
  type ListPlace,
  lockListContents,
  makeAllDue,
  openUnnamedPartitions,
  publishedList,
  publishedLists,
  storeList,
  takePlace,
} from './revocation-lists.ts';
export { isListedWhole, revokeCertificatesOf } from './revoked-certificates.ts';
export { inTransaction, type Queryable } from './transaction.ts';
export {
  deleteRoot,
  insertRoot,
  listRoots,
  lockRoots,
  type NewRoot,
  nextRootsVersion,
  recordRootChange,
  type RootProvenance,
  rootsVersion,
  type StoredRoot,
} from './tpm-roots.ts';
export { listWaiting, queueUntrusted } from './untrusted-endorsement-keys.ts';
