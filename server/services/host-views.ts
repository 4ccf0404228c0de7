import { Type } from 'typebox';
import { parseAkCertificate } from '@touchstone/endorsement';
import {
  type Finding,
  type HostDetail,
  type HostExplanation,
  type HostList,
  type HostState,
  type HostSummary,
  Slug,
} from '@touchstone/schemas';
import { refusal, SERVER_CODES, type ServerCode } from '../codes.ts';
import {
  type Attestation,
  attestationById,
  attestationGists,
  type AttestationGist,
} from '../store/attestations.ts';
import { storedBootState } from './stored-boot-state.ts';
import type { Queryable } from '../store/database.ts';
import type { Host } from '../store/host.ts';
import { hostById, hostByName, type HostPosition, listHosts } from '../store/hosts.ts';
import { readingOf, shownState } from './host-state.ts';
import { type LostIssuer, lostFinding, lostText } from './issuer-standing.ts';
import { keyOfColumns, type Page, pageOf } from './paging.ts';
import type { PageAfter } from '../store/page.ts';
import type { Verifier } from './verifier.ts';

type Viewer = Pick<Verifier, 'database' | 'clock' | 'settings' | 'issuers'>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u;

/** By id or by name. A name that looks like an id is not found by it. @throws AppError HOST_UNKNOWN */
export async function requireHost(on: Queryable, idOrName: string): Promise<Host> {
  const host = UUID.test(idOrName) ? await hostById(on, idOrName) : await hostByName(on, idOrName);
  if (host === null) throw refusal('HOST_UNKNOWN', { detail: idOrName });
  return host;
}

export async function viewHosts(viewer: Viewer, page: Page): Promise<HostList> {
  const { rows: hosts, next } = await pageOf(page, {
    key: keyOfColumns(Type.Boolean(), Slug),
    load: (after: PageAfter<HostPosition>) => listHosts(viewer.database, after),
    keyOf: ({ state, name }): HostPosition => [state === 'pending', name],
  });
  const gists = await attestationGists(viewer.database, hosts.map(latestOf));
  return {
    hosts: hosts.map((host) => summaryOf(viewer, host, gists.get(host.latestAttestation))),
    ...next,
  };
}

export async function viewHost(viewer: Viewer, idOrName: string): Promise<HostDetail> {
  const host = await requireHost(viewer.database, idOrName);
  const latest = await attestationById(viewer.database, latestOf(host));
  const { resetCount, restartCount, clock } = host.mark;
  return {
    host: summaryOf(viewer, host, latest ?? undefined),
    admissibleClasses: host.admissibleClasses,
    approvedAkName: host.approvedAkName,
    ekRef: host.ekRef,
    ...(parseAkCertificate(host.akCertificate).tpm?.pinned && { pinned: true as const }),
    enrolledAt: host.enrolledAt.toISOString(),
    boot: {
      resetCount: Number(resetCount),
      restartCount: Number(restartCount),
      clock: clock.toString(),
    },
    bundleEpoch: host.bundleEpoch,
    ...bootStateOf(latest),
  };
}

const latestOf = ({ latestAttestation: id, latestAttestationDay: day }: Host) => ({ id, day });

export async function explainHost(viewer: Viewer, idOrName: string): Promise<HostExplanation> {
  const host = await requireHost(viewer.database, idOrName);
  const latest = await attestationById(viewer.database, latestOf(host));
  const { lost } = shownState(host, readingOf(viewer));
  return {
    host: summaryOf(viewer, host, latest ?? undefined),
    verdict: latest?.verdict ?? null,
    findings: [...(lost === null ? [] : [lostFinding(lost)]), ...(latest?.findings ?? [])],
    events: latest?.events ?? [],
    baselines: (latest?.baselines ?? []) as HostExplanation['baselines'],
    appraisedAt: latest?.at.toISOString() ?? null,
    ...bootStateOf(latest),
  };
}

function bootStateOf(latest: Attestation | null): Pick<HostExplanation, 'bootState'> {
  const bootState = latest === null ? undefined : storedBootState(latest.result);
  return bootState === undefined ? {} : { bootState };
}

function summaryOf(viewer: Viewer, host: Host, latest: AttestationGist | undefined): HostSummary {
  const { state, since, lost } = shownState(host, readingOf(viewer));
  return {
    id: host.id,
    name: host.name,
    state,
    stateBeneath: host.state,
    since: since.toISOString(),
    class: host.class,
    selfReportedMeasurements: host.class === 'software' || latest?.selfReported === true,
    labels: host.labels,
    verdict: latest?.verdict ?? null,
    reason: lost === null ? reasonOf(state, latest?.findings ?? []) : lostReason(lost),
    lastAuthenticAt: host.lastAuthenticAt.toISOString(),
    akName: host.akName,
  };
}

const lostReason = (lost: LostIssuer): HostSummary['reason'] => ({
  code: lost.code,
  subject: lostText(lost),
});

/** The first thing that somebody has to do something about. */
function reasonOf(state: HostState, findings: readonly Finding[]): HostSummary['reason'] {
  const own = (code: ServerCode) => ({ code, subject: SERVER_CODES[code].title });
  const enforced = findings.find(({ effect }) => effect === 'enforce');
  switch (state) {
    case 'trusted':
      return null;
    case 'pending':
      return own('HOST_PENDING');
    case 'revoked':
      return own('HOST_REVOKED');
    case 'stale':
      return own('HOST_STALE');
    case 'untrusted':
      return enforced === undefined
        ? own('HOST_NOT_TRUSTED')
        : { code: enforced.code, subject: enforced.subject };
  }
}
