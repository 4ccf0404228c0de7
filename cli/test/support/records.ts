import type {
  BaselineRecord,
  Finding,
  HostDetail,
  HostExplanation,
  HostState,
  HostSummary,
  Session,
  VmStanding,
} from '@touchstone/schemas';

const uuid = (digit: string): string => `00000000-0000-4000-8000-${digit.repeat(12)}`;

export const AK_NAME = `000b${'ab'.repeat(32)}`;
export const HOST_ID = uuid('1');

export const SESSION: Session = {
  tokenId: uuid('9'),
  name: 'anna',
  roles: ['viewer', 'operator', 'approver'],
  person: 'olga',
  quorum: 1,
  server: 'https://touchstone.example',
};

export function hostSummary(
  name: string,
  state: HostState,
  more: Partial<HostSummary> = {},
): HostSummary {
  return {
    id: HOST_ID,
    name,
    state,
    stateBeneath: state === 'stale' ? 'trusted' : state,
    since: '2026-11-22T11:57:00.000Z',
    class: 'software',
    selfReportedMeasurements: true,
    labels: { site: 'attic' },
    verdict: 'affirming',
    reason: null,
    lastAuthenticAt: '2026-11-22T11:59:15.000Z',
    akName: AK_NAME,
    ...more,
  };
}

export const hostDetail = (host: HostSummary): HostDetail => ({
  host,
  admissibleClasses: ['software'],
  approvedAkName: host.state === 'pending' ? null : host.akName,
  ekRef: 'ef'.repeat(32),
  enrolledAt: '2026-11-20T08:00:00.000Z',
  boot: { resetCount: 4, restartCount: 0, clock: '123456' },
  bundleEpoch: 1,
});

export const CHANGED_FILE: Finding = {
  code: 'EVENT_DIFFERS',
  effect: 'enforce',
  subject: '/etc/kvm/policy in PCR 13',
  expected: `file sha256 ${'aa'.repeat(32)} (event sha256 ${'bb'.repeat(32)})`,
  actual: `file sha256 ${'cc'.repeat(32)} (event sha256 ${'dd'.repeat(32)})`,
  nearest: '/etc/kvm/policy, by rule policy of attic-hosts, host, version 1',
  remedy: 'Put the file back as it was and restart the host.',
  actor: 'host-administrator',
  event: { index: 7, pcr: 13, type: 'EV_EVENT_TAG', name: '/etc/kvm/policy' },
};

export const KEXEC: Finding = {
  code: 'KEXEC_UNMEASURED',
  effect: 'warn',
  subject: 'kexec',
  remedy: 'Disable kexec on the host, or measure it.',
  actor: 'host-administrator',
};

export const explanation = (
  host: HostSummary,
  findings: HostExplanation['findings'],
): HostExplanation => ({
  host,
  verdict: host.verdict,
  findings,
  events: [
    { index: 6, pcr: 9, type: 'EV_EVENT_TAG', digest: 'ee'.repeat(32), verdict: 'expected' },
    {
      index: 7,
      pcr: 13,
      type: 'EV_EVENT_TAG',
      digest: 'dd'.repeat(32),
      name: '/etc/kvm/policy',
      verdict: findings.length === 0 ? 'expected' : 'unexpected',
    },
  ],
  baselines: [{ part: 'host', name: 'attic-hosts', version: 1 }],
  appraisedAt: '2026-11-22T11:59:15.000Z',
});

export function baselineRecord(
  state: BaselineRecord['state'],
  version = 1,
  yaml = `kind: baseline\nname: attic-hosts\nversion: ${version}\n`,
): BaselineRecord {
  const approved = state === 'draft' ? null : '2026-11-22T11:00:00.000Z';
  return {
    baseline: {
      kind: 'baseline',
      part: 'host',
      name: 'attic-hosts',
      version,
      match: { labels: { site: 'attic' }, class: ['software'] },
      banks: ['sha256'],
      rules: [
        {
          id: 'policy',
          mode: 'enforce',
          pcr: 13,
          type: 'EV_EVENT_TAG',
          allow: [{ sha256: 'bb'.repeat(32), name: '/etc/kvm/policy', file: 'aa'.repeat(32) }],
        },
      ],
    },
    yaml,
    state,
    draftedBy: 'anna',
    draftedAt: '2026-11-22T10:00:00.000Z',
    approvedBy: approved === null ? null : 'bert',
    approvedAt: approved,
  };
}

export const VM = {
  uuid: uuid('3'),
  name: 'accounts',
  classes: ['software'],
  hostLabels: { site: 'attic' },
  images: [],
};

export const STANDING: VmStanding = {
  uuid: VM.uuid,
  name: VM.name,
  onLoss: 'flag',
  held: null,
  place: null,
  running: [],
  exposures: 0,
};

export const JOIN_TOKEN = {
  id: uuid('4'),
  classes: ['software'],
  labels: { site: 'attic' },
  usesLeft: 1,
  approve: true,
  host: null,
  createdBy: 'anna',
  createdAt: '2026-11-22T11:00:00.000Z',
  expiresAt: '2026-11-23T11:00:00.000Z',
  revokedAt: null,
};

export const API_TOKEN = {
  id: uuid('5'),
  name: 'bert',
  person: 'bert',
  roles: ['approver'],
  createdAt: '2026-11-22T11:00:00.000Z',
  expiresAt: null,
  revokedAt: null,
};

export const AUDIT_ENTRY = {
  sequence: 1,
  at: '2026-11-22T11:00:00.000Z',
  actor: 'token anna',
  action: 'host.approve',
  subject: HOST_ID,
  detail: 'laptop-1',
  hash: '12'.repeat(32),
};
