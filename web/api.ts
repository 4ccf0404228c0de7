import type {
  ApprovalList,
  BrowserSession,
  CaStatus,
  ExposureList,
  GateStatus,
  HostExplanation,
  HostList,
  Problem,
  QuorumStatus,
  ReasonTitles,
  RefusedStarts,
  Session,
  VmStandings,
  WindowHosts,
  WindowList,
} from '@touchstone/schemas';
import { parsePrintable } from './printable.ts';

/** The server refused; `problem` says why in its own words. */
class Refused extends Error {
  readonly status: number;
  readonly code: string;
  constructor(problem: Problem) {
    super(problem.remedy === undefined ? problem.title : `${problem.title}. ${problem.remedy}`);
    this.status = problem.status;
    this.code = problem.code;
  }
}

/** The server did not answer, or not as itself. */
class Unreachable extends Error {
  constructor(options?: ErrorOptions) {
    super('The server does not answer.', options);
  }
}

const TIMEOUT_MS = 15_000;

async function call(method: 'GET' | 'POST' | 'DELETE', path: string, bearer?: string) {
  const response = await fetch(path, {
    method,
    credentials: 'same-origin',
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
  }).catch((cause: unknown) => {
    throw new Unreachable({ cause });
  });
  const text = await response.text();
  if (response.status === 204) return undefined;
  try {
    const answer = parsePrintable(text);
    if (response.ok) return answer;
    throw new Refused(answer as Problem);
  } catch (cause) {
    throw cause instanceof Refused ? cause : new Unreachable({ cause });
  }
}

// The server checks each answer against its schema before it sends it.
export const api = {
  logIn: (token: string) => call('POST', '/v1/browser-sessions', token) as Promise<BrowserSession>,
  logOut: () => call('DELETE', '/v1/browser-sessions'),
  session: () => call('GET', '/v1/session') as Promise<Session>,
  reasons: () => call('GET', '/v1/reasons') as Promise<ReasonTitles>,
  ca: () => call('GET', '/v1/ca') as Promise<CaStatus>,
  quorum: () => call('GET', '/v1/quorum') as Promise<QuorumStatus>,
  approvals: () => call('GET', '/v1/approvals') as Promise<ApprovalList>,
  windows: () => call('GET', '/v1/windows') as Promise<WindowList>,
  windowHosts: (id: string) =>
    call('GET', `/v1/windows/${encodeURIComponent(id)}/hosts`) as Promise<WindowHosts>,
  gate: () => call('GET', '/v1/gate') as Promise<GateStatus>,
  exposures: () => call('GET', '/v1/exposures?limit=200') as Promise<ExposureList>,
  vmStandings: () => call('GET', '/v1/vm-standings') as Promise<VmStandings>,
  refusals: () => call('GET', '/v1/refusals?limit=20') as Promise<RefusedStarts>,
  hosts: () => call('GET', '/v1/hosts') as Promise<HostList>,
  explanation: (host: string) =>
    call('GET', `/v1/hosts/${encodeURIComponent(host)}/explanation`) as Promise<HostExplanation>,
} as const;

export const isLoggedOut = (error: unknown): boolean =>
  error instanceof Refused && error.status === 401;

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : 'It failed for a reason of the page’s own.';
