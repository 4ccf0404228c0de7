export {
  activeIssuer,
  type Authority,
  changeState,
  insertAuthority,
  type IssuedBy,
  issuedBy,
  issuerFor,
  type IssuingAuthority,
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
export { raiseEpoch, raiseEpochAbove, readBundle, readEpoch } from './bundle.ts';
export { recordActivation } from './certificates.ts';
export { insertCross, withdrawCrosses } from './crosses.ts';
export { databaseNow, openPool, withConnection } from './database.ts';
export {
  decommissionEndorsementKey,
  endorsementKeyOf,
  isKnownEkRef,
  listEndorsementKeys,
  readmitEndorsementKey,
  revokeEndorsementKey,
  stateOfEk,
  type StoredEndorsementKey,
} from './endorsement-keys.ts';
export { deletePin, insertPin, listPins, pinOf, type StoredPin } from './endorsement-pins.ts';
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
export {
  configureReporter,
  isReporter,
  readProgress,
  readReporter,
  recordProgress,
} from './progress.ts';
export { approvers, holdQuorum, lockQuorum, readQuorum, setQuorum } from './quorum.ts';
export { forgetEnded, setCertificateDays } from './retention.ts';
export {
  type Canary,
  canariesWithout,
  type Forcing,
  insertRotation,
  listRotations,
  movePhase,
  openRotations,
  recordNewKeys,
  recordTrouble,
  rotationById,
  type RotationRecord,
} from './rotations.ts';
export { checkSchemaVersion, migrate } from './schema-version.ts';
export {
  dueLists,
  type ListPlace,
  lockListContents,
  makeAllDue,
  openFirstPartition,
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
export { forgetWaiting, listWaiting, queueUntrusted } from './untrusted-endorsement-keys.ts';
