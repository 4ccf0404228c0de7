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

export type CaOperatorApi = ReturnType<typeof caOperatorApi>;

/** What operators of the CA ask it itself, one function a route. */
export function caOperatorApi(client: Client, bearer: string) {
  const get = { method: 'GET', bearer } as const;
  const post = { method: 'POST', bearer } as const;
  const del = { method: 'DELETE', bearer } as const;
  const at = (...segments: string[]) =>
    `/v1/operator/${segments.map(encodeURIComponent).join('/')}`;
  const whole = (all: boolean) => (all ? '?all=true' : '');
  return {
    session: () => client.request({ ...get, path: at('session'), schema: CaSession }),

    operators: (all: boolean) =>
      client.request({ ...get, path: `${at('operators')}${whole(all)}`, schema: CaOperatorList }),
    addOperator: (body: CaOperatorRequest) =>
      client.request({ ...post, path: at('operators'), body, schema: CaOperatorCreated }),
    removeOperator: (id: string) =>
      client.request({ ...del, path: at('operators', id), schema: CaOperator }),

    quorum: () => client.request({ ...get, path: at('quorum'), schema: QuorumStatus }),
    setQuorum: (body: QuorumChange) =>
      client.request({ ...post, path: at('quorum'), body, schema: QuorumStatus }),
    approvals: (all: boolean) =>
      client.request({ ...get, path: `${at('approvals')}${whole(all)}`, schema: ApprovalList }),
    withdrawApproval: (id: string) =>
      client.request({ ...post, path: at('approvals', id, 'withdrawal'), schema: Approval }),

    revoke: (body: RevocationRequest) =>
      client.request({ ...post, path: at('revocations'), body, schema: Revocation }),
    status: () => client.request({ ...get, path: at('status'), schema: CaOwnStatus }),
    rotations: () => client.request({ ...get, path: at('rotations'), schema: RotationList }),
    startRotation: (body: RotationStart) =>
      client.request({ ...post, path: at('rotations'), body, schema: Rotation }),
    advanceRotation: (id: string, body: RotationAdvance) =>
      client.request({ ...post, path: at('rotations', id, 'advance'), body, schema: Rotation }),
    rollBackRotation: (id: string) =>
      client.request({ ...post, path: at('rotations', id, 'rollback'), schema: Rotation }),
    tpmRoots: () => client.request({ ...get, path: at('tpm-roots'), schema: TpmRootList }),
    exportTpmRoots: () =>
      client.request({ ...get, path: at('tpm-roots-export'), schema: TpmRootExport }),
    importTpmRoots: (body: TpmRootImport) =>
      client.request({ ...post, path: at('tpm-roots-import'), body, schema: TpmRootImported }),
    addTpmRoot: (body: TpmRootAddition) =>
      client.request({ ...post, path: at('tpm-roots'), body, schema: TpmRootList }),
    admittedBy: (fingerprint: string) =>
      client.request({
        ...{ ...get, path: at('tpm-roots', fingerprint, 'admitted'), schema: TpmRootAdmitted },
      }),
    removeTpmRoot: (fingerprint: string, body: TpmRootRemoval) =>
      client.request({
        ...{ ...post, path: at('tpm-roots', fingerprint, 'removal'), body },
        schema: TpmRootAdmitted,
      }),

    endorsementKeys: async () => {
      const keys: EndorsementKey[] = [];
      for (let cursor = ''; ;) {
        const path = `${at('endorsement-keys')}${cursor === '' ? '' : `?cursor=${cursor}`}`;
        const page = await client.request({ ...get, path, schema: EndorsementKeyList });
        keys.push(...page.keys);
        if (page.nextCursor === undefined) return { keys };
        cursor = page.nextCursor;
      }
    },
    endorsementKey: (ekRef: string) =>
      client.request({ ...get, path: at('endorsement-keys', ekRef), schema: EndorsementKey }),
    waitingKeys: () =>
      client.request({ ...get, path: at('endorsement-keys-waiting'), schema: WaitingKeys }),
    pins: () => client.request({ ...get, path: at('pins'), schema: Pins }),
    pinEk: (body: PinRequest) => client.request({ ...post, path: at('pins'), body, schema: Pin }),
    unpinEk: (ekName: string, body: WithReason) =>
      client.request({ ...post, path: at('pins', ekName, 'removal'), body, schema: Pin }),
    decommissionEk: (ekRef: string, body: WithReason) =>
      client.request({
        ...{ ...post, path: at('endorsement-keys', ekRef, 'decommissioning'), body },
        schema: Decommissioned,
      }),
    readmitEk: (ekRef: string, body: WithReason) =>
      client.request({
        ...{ ...post, path: at('endorsement-keys', ekRef, 'readmission'), body },
        schema: EndorsementKey,
      }),

    certifyBundleKey: (body: BundleKeyRequest) =>
      client.request({
        ...{ ...post, path: at('bundle-key-certificates'), body },
        schema: BundleKeyCertificate,
      }),

    audit: (cursor?: string) =>
      client.request({
        ...get,
        path: `${at('audit')}${cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`}`,
        schema: AuditList,
      }),
  };
}
