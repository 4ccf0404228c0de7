import {
  ApiToken,
  ApiTokenCreated,
  ApiTokenList,
  type ApiTokenRequest,
  Approval,
  ApprovalList,
  type QuorumChange,
  QuorumStatus,
  Session,
  TokenRevocation,
  TokensMade,
} from '@touchstone/schemas';
import { type BearerRoutes, wholeList, withQuery } from '../bearer-routes.ts';

/** Who may do what, and with whose consent. */
export const accessRoutes = ({ at, get, post, delete: del }: BearerRoutes) => ({
  session: () => get(at('session'), Session),

  quorum: () => get(at('quorum'), QuorumStatus),
  setQuorum: (body: QuorumChange) => post(at('quorum'), body, QuorumStatus),
  approvals: async (all: boolean) => ({
    approvals: await wholeList(
      (cursor) =>
        get(withQuery(at('approvals'), { all: all ? 'true' : undefined, ...cursor }), ApprovalList),
      ({ approvals }) => approvals,
    ),
  }),
  withdrawApproval: (id: string) => post(at('approvals', id, 'withdrawal'), undefined, Approval),

  tokens: async () => ({
    tokens: await wholeList(
      (cursor) => get(withQuery(at('tokens'), cursor), ApiTokenList),
      ({ tokens }) => tokens,
    ),
  }),
  createToken: (body: ApiTokenRequest) => post(at('tokens'), body, ApiTokenCreated),
  revokeToken: (id: string) => del(at('tokens', id), ApiToken),
  tokensMadeBy: (id: string) => get(at('tokens', id, 'made'), TokensMade),
  revokeTokenWithMade: (id: string) => del(at('tokens', id, 'made'), TokenRevocation),
});
