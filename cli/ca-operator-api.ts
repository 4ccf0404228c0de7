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
  type QuorumChange,
  QuorumStatus,
  Revocation,
  type RevocationRequest,
  Rotation,
  type RotationAdvance,
  RotationList,
  type RotationStart,
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
