import {
  type HostApproval,
  HostDetail,
  HostExplanation,
  type HostLabelling,
  HostList,
  HostNames,
  type HostNamesRequest,
  type HostRemoval,
  type HostRevocation,
  JoinToken,
  JoinTokenCreated,
  JoinTokenList,
  type JoinTokenRequest,
  Replacement,
  ReplacementList,
  type ReplacementRejection,
} from '@touchstone/schemas';
import { type BearerRoutes, wholeList, withQuery } from '../bearer-routes.ts';

/** Which hosts there are, how they come to be, and what takes their place. */
export const hostRoutes = ({ at, get, post, delete: del }: BearerRoutes) => ({
  hosts: async () => ({
    hosts: await wholeList(
      (cursor) => get(withQuery(at('hosts'), cursor), HostList),
      ({ hosts }) => hosts,
    ),
  }),
  hostNames: (body: HostNamesRequest) => post(at('host-names'), body, HostNames),
  host: (host: string) => get(at('hosts', host), HostDetail),
  explainHost: (host: string) => get(at('hosts', host, 'explanation'), HostExplanation),
  approveHost: (id: string, body: HostApproval) =>
    post(at('hosts', id, 'approval'), body, HostDetail),
  revokeHost: (id: string, body: HostRevocation) =>
    post(at('hosts', id, 'revocation'), body, HostDetail),
  labelHost: (id: string, body: HostLabelling) => post(at('hosts', id, 'labels'), body, HostDetail),
  removeHost: (id: string, body: HostRemoval) => post(at('hosts', id, 'removal'), body, HostDetail),

  replacements: () => get(at('replacements'), ReplacementList),
  approveReplacement: (id: string, body: HostApproval) =>
    post(at('replacements', id, 'approval'), body, Replacement),
  rejectReplacement: (id: string, body: ReplacementRejection) =>
    post(at('replacements', id, 'rejection'), body, Replacement),

  joinTokens: async () => ({
    tokens: await wholeList(
      (cursor) => get(withQuery(at('join-tokens'), cursor), JoinTokenList),
      ({ tokens }) => tokens,
    ),
  }),
  createJoinToken: (body: JoinTokenRequest) => post(at('join-tokens'), body, JoinTokenCreated),
  revokeJoinToken: (id: string) => del(at('join-tokens', id), JoinToken),
});
