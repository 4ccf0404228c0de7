import {
  Approval,
  ApprovalList,
  AuditList,
  BundleKeyCertificate,
  type BundleKeyRequest,
  CaOperator,
  CaOperatorCreated,
  CaOperatorList,
  type CaOperatorRequest,
  CaOwnStatus,
  CaSession,
  Decommissioned,
  EndorsementKey,
  EndorsementKeyList,
  Pin,
  type PinRequest,
  Pins,
  type QuorumChange,
  QuorumStatus,
  Revocation,
  type RevocationRequest,
  Rotation,
  type RotationAdvance,
  RotationList,
  type RotationStart,
  type TpmRootAddition,
  TpmRootAdmitted,
  TpmRootExport,
  type TpmRootImport,
  TpmRootImported,
  TpmRootList,
  type TpmRootRemoval,
  WaitingKeys,
  type WithReason,
} from '@touchstone/schemas';
import type { Client } from '@touchstone/transport';
import { bearerRoutes, wholeList, withQuery } from './bearer-routes.ts';

export type CaOperatorApi = ReturnType<typeof caOperatorApi>;

/** What operators of the CA ask it itself, one function a route. */
export function caOperatorApi(client: Client, bearer: string) {
  const { at, get, post, delete: del } = bearerRoutes(client, bearer, '/v1/operator');
  const list = (path: string, all: boolean) => withQuery(path, { all: all ? 'true' : undefined });
  return {
    session: () => get(at('session'), CaSession),

    operators: (all: boolean) => get(list(at('operators'), all), CaOperatorList),
    addOperator: (body: CaOperatorRequest) => post(at('operators'), body, CaOperatorCreated),
    removeOperator: (id: string) => del(at('operators', id), CaOperator),

    quorum: () => get(at('quorum'), QuorumStatus),
    setQuorum: (body: QuorumChange) => post(at('quorum'), body, QuorumStatus),
    approvals: (all: boolean) => get(list(at('approvals'), all), ApprovalList),
    withdrawApproval: (id: string) => post(at('approvals', id, 'withdrawal'), undefined, Approval),

    revoke: (body: RevocationRequest) => post(at('revocations'), body, Revocation),
    status: () => get(at('status'), CaOwnStatus),
    rotations: () => get(at('rotations'), RotationList),
    startRotation: (body: RotationStart) => post(at('rotations'), body, Rotation),
    advanceRotation: (id: string, body: RotationAdvance) =>
      post(at('rotations', id, 'advance'), body, Rotation),
    rollBackRotation: (id: string) => post(at('rotations', id, 'rollback'), undefined, Rotation),

    tpmRoots: () => get(at('tpm-roots'), TpmRootList),
    exportTpmRoots: () => get(at('tpm-roots-export'), TpmRootExport),
    importTpmRoots: (body: TpmRootImport) => post(at('tpm-roots-import'), body, TpmRootImported),
    addTpmRoot: (body: TpmRootAddition) => post(at('tpm-roots'), body, TpmRootList),
    admittedBy: (fingerprint: string) =>
      get(at('tpm-roots', fingerprint, 'admitted'), TpmRootAdmitted),
    removeTpmRoot: (fingerprint: string, body: TpmRootRemoval) =>
      post(at('tpm-roots', fingerprint, 'removal'), body, TpmRootAdmitted),

    endorsementKeys: async () => ({
      keys: await wholeList(
        (cursor) => get(withQuery(at('endorsement-keys'), cursor), EndorsementKeyList),
        ({ keys }) => keys,
      ),
    }),
    endorsementKey: (ekRef: string) => get(at('endorsement-keys', ekRef), EndorsementKey),
    waitingKeys: () => get(at('endorsement-keys-waiting'), WaitingKeys),
    pins: () => get(at('pins'), Pins),
    pinEk: (body: PinRequest) => post(at('pins'), body, Pin),
    unpinEk: (ekName: string, body: WithReason) => post(at('pins', ekName, 'removal'), body, Pin),
    decommissionEk: (ekRef: string, body: WithReason) =>
      post(at('endorsement-keys', ekRef, 'decommissioning'), body, Decommissioned),
    readmitEk: (ekRef: string, body: WithReason) =>
      post(at('endorsement-keys', ekRef, 'readmission'), body, EndorsementKey),

    certifyBundleKey: (body: BundleKeyRequest) =>
      post(at('bundle-key-certificates'), body, BundleKeyCertificate),

    audit: (cursor?: string) => get(withQuery(at('audit'), { cursor }), AuditList),
  };
}
