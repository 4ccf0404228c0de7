import {
  Approval,
  BASELINE_JSON_MAX_BYTES,
  ApprovalList,
  Alert,
  type AlertAcknowledgement,
  AlertList,
  type ApiTokenRequest,
  ApiToken,
  ApiTokenCreated,
  ApiTokenList,
  AuditList,
  type BaselineApproval,
  type BaselineCapture,
  BaselineList,
  type BaselineRetirement,
  type BundleKeyCertificate,
  CaStatus,
  type EnforcementRequest,
  ExposureList,
  GateStatus,
  IssuerHosts,
  type HostApproval,
  PreviewPart,
  type PreviewRequest,
  WindowChange,
  type WindowClosing,
  WindowHosts,
  WindowList,
  type WindowOpening,
  WindowRecord,
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
  type KeyRotation,
  type KeyUse,
  type ObservationRequest,
  type QuorumChange,
  QuorumStatus,
  ReasonTitles,
  Replacement,
  ReplacementList,
  Retention,
  RetentionRun,
  type ReplacementRejection,
  ServerKeys,
  Session,
  StoredBlob,
  StoredVerdict,
  TokenRevocation,
  TokensMade,
  TrustBundles,
  type VerdictDay,
  VerdictDays,
  VerdictPage,
  DiskKeyList,
  type DiskKeyRemoval,
  type DiskKeySetting,
  Vm,
  type VmClearance,
  VmList,
  VmStanding,
  VmStandings,
  VmStarts,
} from '@touchstone/schemas';
import type { Client } from '@touchstone/transport';
import { CliError } from './codes.ts';

/** A part takes two seconds, of which others may be before it. */
const PREVIEW_MS = 60_000;

export type OperatorApi = ReturnType<typeof operatorApi>;

/** The server's operator API, one function a route. A host is named by its id or its name. */
export function operatorApi(client: Client, bearer: string) {
  const get = { method: 'GET', bearer } as const;
  const post = { method: 'POST', bearer } as const;
  const put = { method: 'PUT', bearer } as const;
  const del = { method: 'DELETE', bearer } as const;
  const at = (...segments: string[]) => `/v1/${segments.map(encodeURIComponent).join('/')}`;
  return {
    session: () => client.request({ ...get, path: at('session'), schema: Session }),

    quorum: () => client.request({ ...get, path: at('quorum'), schema: QuorumStatus }),
    setQuorum: (body: QuorumChange) =>
      client.request({ ...post, path: at('quorum'), body, schema: QuorumStatus }),
    approvals: async (all: boolean) => ({
      approvals: await whole(
        (query) =>
          client.request({ ...get, path: `${at('approvals')}${query}`, schema: ApprovalList }),
        ({ approvals }) => approvals,
        all ? { all: 'true' } : {},
      ),
    }),
    withdrawApproval: (id: string) =>
      client.request({ ...post, path: at('approvals', id, 'withdrawal'), schema: Approval }),

    reasons: () => client.request({ ...get, path: at('reasons'), schema: ReasonTitles }),
    gate: () => client.request({ ...get, path: at('gate'), schema: GateStatus }),
    observe: (body: ObservationRequest) =>
      client.request({ ...post, path: at('gate', 'observation'), body, schema: GateStatus }),
    enforce: (body: EnforcementRequest) =>
      client.request({ ...post, path: at('gate', 'enforcement'), body, schema: GateStatus }),
    exposures: async (host?: string) => ({
      exposures: await whole(
        (query) =>
          client.request({ ...get, path: `${at('exposures')}${query}`, schema: ExposureList }),
        ({ exposures }) => exposures,
        host === undefined ? {} : { name: host },
      ),
    }),

    keys: () => client.request({ ...get, path: at('keys'), schema: ServerKeys }),
    rotateKey: (use: KeyUse, body: KeyRotation) =>
      client.request({ ...post, path: at('keys', use, 'rotation'), body, schema: ServerKeys }),
    takeBundleKeyCertificate: (body: BundleKeyCertificate) =>
      client.request({ ...post, path: at('bundle-key-certificate'), body, schema: ServerKeys }),

    hosts: async () => ({
      hosts: await whole(
        (query) => client.request({ ...get, path: `${at('hosts')}${query}`, schema: HostList }),
        ({ hosts }) => hosts,
      ),
    }),
    hostNames: (body: HostNamesRequest) =>
      client.request({ ...post, path: at('host-names'), body, schema: HostNames }),
    host: (host: string) => client.request({ ...get, path: at('hosts', host), schema: HostDetail }),
    explainHost: (host: string) =>
      client.request({ ...get, path: at('hosts', host, 'explanation'), schema: HostExplanation }),
    approveHost: (id: string, body: HostApproval) =>
      client.request({ ...post, path: at('hosts', id, 'approval'), body, schema: HostDetail }),
    revokeHost: (id: string, body: HostRevocation) =>
      client.request({ ...post, path: at('hosts', id, 'revocation'), body, schema: HostDetail }),

    labelHost: (id: string, body: HostLabelling) =>
      client.request({ ...post, path: at('hosts', id, 'labels'), body, schema: HostDetail }),
    removeHost: (id: string, body: HostRemoval) =>
      client.request({ ...post, path: at('hosts', id, 'removal'), body, schema: HostDetail }),

    replacements: () =>
      client.request({ ...get, path: at('replacements'), schema: ReplacementList }),
    approveReplacement: (id: string, body: HostApproval) =>
      client.request({
        ...post,
        path: at('replacements', id, 'approval'),
        body,
        schema: Replacement,
      }),
    rejectReplacement: (id: string, body: ReplacementRejection) =>
      client.request({
        ...post,
        path: at('replacements', id, 'rejection'),
        body,
        schema: Replacement,
      }),
    retention: () => client.request({ ...get, path: at('retention'), schema: Retention }),
    runRetention: () =>
      client.request({ ...post, path: at('retention', 'runs'), schema: RetentionRun }),
    alerts: (all: boolean) =>
      client.request({
        ...get,
        path: `${at('alerts')}${all ? '?all=true' : ''}`,
        schema: AlertList,
      }),
    acknowledgeAlert: (id: string, body: AlertAcknowledgement) =>
      client.request({ ...post, path: at('alerts', id, 'acknowledgement'), body, schema: Alert }),

    captureBaseline: (hostId: string, body: BaselineCapture) =>
      client.request({
        ...post,
        path: at('hosts', hostId, 'baseline'),
        body,
        schema: BaselineList,
        ...BASELINES,
      }),
    baselines: async (name?: string) => ({
      baselines: await whole(
        (query) =>
          client.request({
            ...get,
            path: `${at('baselines')}${query}`,
            schema: BaselineList,
            ...BASELINES,
          }),
        ({ baselines }) => baselines,
        name === undefined ? {} : { name },
      ),
    }),
    draftBaselines: (yaml: string) =>
      client.request({
        ...post,
        path: at('baselines'),
        body: { yaml },
        schema: BaselineList,
        ...BASELINES,
      }),
    approveBaseline: (name: string, body: BaselineApproval) =>
      client.request({
        ...post,
        path: at('baselines', name, 'approval'),
        body,
        schema: BaselineList,
        ...BASELINES,
      }),

    retireBaseline: (name: string, body: BaselineRetirement) =>
      client.request({
        ...post,
        path: at('baselines', name, 'retirement'),
        body,
        schema: BaselineList,
        ...BASELINES,
      }),

    preview: (body: PreviewRequest) =>
      client.request({
        ...post,
        path: at('previews'),
        body,
        schema: PreviewPart,
        timeoutMs: PREVIEW_MS,
      }),

    windows: async (all: boolean) => ({
      windows: await whole(
        (query) => client.request({ ...get, path: `${at('windows')}${query}`, schema: WindowList }),
        ({ windows }) => windows,
        all ? { all: 'true' } : {},
      ),
    }),
    window: (key: string) =>
      client.request({ ...get, path: at('windows', key), schema: WindowRecord }),
    windowHosts: async (id: string) => ({
      hosts: await whole(
        (query) =>
          client.request({
            ...get,
            path: `${at('windows', id, 'hosts')}${query}`,
            schema: WindowHosts,
          }),
        ({ hosts }) => hosts,
      ),
    }),
    openWindow: (body: WindowOpening) =>
      client.request({ ...post, path: at('windows'), body, schema: WindowChange }),
    closeWindow: (id: string, body: WindowClosing) =>
      client.request({ ...post, path: at('windows', id, 'closing'), body, schema: WindowChange }),

    vms: async () => ({
      vms: await whole(
        (query) => client.request({ ...get, path: `${at('vms')}${query}`, schema: VmList }),
        ({ vms }) => vms,
      ),
    }),
    vm: (uuid: string) => client.request({ ...get, path: at('vms', uuid), schema: Vm }),
    vmStandings: async () => ({
      vms: await whole(
        (query) =>
          client.request({ ...get, path: `${at('vm-standings')}${query}`, schema: VmStandings }),
        ({ vms }) => vms,
      ),
    }),
    vmStanding: (uuid: string) =>
      client.request({ ...get, path: at('vms', uuid, 'standing'), schema: VmStanding }),
    vmStarts: (uuid: string) =>
      client.request({ ...get, path: at('vms', uuid, 'starts'), schema: VmStarts }),
    clearVm: (uuid: string, body: VmClearance) =>
      client.request({ ...post, path: at('vms', uuid, 'clearance'), body, schema: Vm }),
    addVm: (body: Vm) => client.request({ ...post, path: at('vms'), body, schema: Vm }),
    changeVm: (body: Vm) =>
      client.request({ ...put, path: at('vms', body.uuid), body, schema: Vm }),
    removeVm: (uuid: string) => client.request({ ...del, path: at('vms', uuid), schema: Vm }),
    diskKeys: (uuid: string) =>
      client.request({ ...get, path: at('vms', uuid, 'disk-keys'), schema: DiskKeyList }),
    setDiskKey: (uuid: string, body: DiskKeySetting) =>
      client.request({ ...post, path: at('vms', uuid, 'disk-keys'), body, schema: DiskKeyList }),
    removeDiskKey: (uuid: string, body: DiskKeyRemoval) => {
      const path = at('vms', uuid, 'disk-keys', 'removal');
      return client.request({ ...post, path, body, schema: DiskKeyList });
    },

    joinTokens: async () => ({
      tokens: await whole(
        (query) =>
          client.request({ ...get, path: `${at('join-tokens')}${query}`, schema: JoinTokenList }),
        ({ tokens }) => tokens,
      ),
    }),
    createJoinToken: (body: JoinTokenRequest) =>
      client.request({ ...post, path: at('join-tokens'), body, schema: JoinTokenCreated }),
    revokeJoinToken: (id: string) =>
      client.request({ ...del, path: at('join-tokens', id), schema: JoinToken }),

    tokens: async () => ({
      tokens: await whole(
        (query) =>
          client.request({ ...get, path: `${at('tokens')}${query}`, schema: ApiTokenList }),
        ({ tokens }) => tokens,
      ),
    }),
    createToken: (body: ApiTokenRequest) =>
      client.request({ ...post, path: at('tokens'), body, schema: ApiTokenCreated }),
    revokeToken: (id: string) =>
      client.request({ ...del, path: at('tokens', id), schema: ApiToken }),
    tokensMadeBy: (id: string) =>
      client.request({ ...get, path: at('tokens', id, 'made'), schema: TokensMade }),
    revokeTokenWithMade: (id: string) =>
      client.request({ ...del, path: at('tokens', id, 'made'), schema: TokenRevocation }),

    ca: () => client.request({ ...get, path: at('ca'), schema: CaStatus }),
    hostsOfIssuer: async (keyId: string) => ({
      hosts: await whole(
        (query) => {
          const path = `${at('ca', 'issuers', keyId, 'hosts')}${query}`;
          return client.request({ ...get, path, schema: IssuerHosts });
        },
        ({ hosts }) => hosts,
      ),
    }),
    verdictDays: () => client.request({ ...get, path: at('verdict-days'), schema: VerdictDays }),
    verdictsOfDay: (day: VerdictDay, cursor?: string) =>
      client.request({
        ...get,
        path: `${at('verdict-days', day)}${cursor === undefined ? '' : `?${new URLSearchParams({ cursor }).toString()}`}`,
        schema: VerdictPage,
        maxBytes: MAX_VERDICT_BYTES,
        timeoutMs: 60_000,
      }),
    verdict: (id: string) =>
      client.request({
        ...get,
        path: at('verdicts', id),
        schema: StoredVerdict,
        maxBytes: MAX_VERDICT_BYTES,
      }),
    blob: (digest: string) =>
      client.request({ ...get, path: at('blobs', digest), schema: StoredBlob, ...BASELINES }),
    trustBundle: () => client.request({ ...get, path: at('trust-bundle'), schema: TrustBundles }),
    trustBundlesAfter: (epoch: number) =>
      client.request({
        ...get,
        path: at('trust-bundles', 'after', `${epoch}`),
        schema: TrustBundles,
      }),
    audit: (cursor?: string) =>
      client.request({
        ...get,
        path: `${at('audit')}${cursor === undefined ? '' : `?${new URLSearchParams({ cursor }).toString()}`}`,
        schema: AuditList,
      }),
  };
}

/** Ten of the largest. */
const MAX_VERDICT_BYTES = 134_217_728;

/** A page of baselines is as much YAML as may be drafted, and the same as documents. */
const BASELINES = { maxBytes: 2 * BASELINE_JSON_MAX_BYTES, timeoutMs: 60_000 } as const;

/** Longer lists than this are asked for in parts by a program, and not read by people. */
const MAX_PAGES = 200;

/** A list, page after page to its end. */
async function whole<P extends { nextCursor?: string }, T>(
  ask: (query: string) => Promise<P>,
  rowsOf: (page: P) => readonly T[],
  parameters: Readonly<Record<string, string>> = {},
): Promise<T[]> {
  const rows: T[] = [];
  let cursor: { cursor?: string } = {};
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const query = new URLSearchParams({ ...parameters, ...cursor }).toString();
    const page = await ask(query === '' ? '' : `?${query}`);
    rows.push(...rowsOf(page));
    if (page.nextCursor === undefined) return rows;
    cursor = { cursor: page.nextCursor };
  }
  throw new CliError('LIST_TOO_LONG');
}
