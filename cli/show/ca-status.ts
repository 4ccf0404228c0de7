import type { CaOwnStatus, CaStatus } from '@touchstone/schemas';
import { until } from './age.ts';
import { rotationLines } from './rotation.ts';
import { counted } from './state.ts';
import { table } from './table.ts';
import { bad, caution, faint, good, type Line, type Span, wrapWords } from './text.ts';

type Issuer = CaStatus['issuers'][number];
type Authority = CaOwnStatus['authorities'][number];

/** What the server and, for whoever is logged in there, the CA say of the CA's keys. */
export type JoinedStatus = CaStatus & {
  readonly issuers: readonly (Issuer & { readonly liveCertificates: number | null })[];
  readonly rotation: CaOwnStatus['rotation'];
  readonly reminders: CaOwnStatus['reminders'];
  /** Null without a login at the CA, or where it does not answer. */
  readonly ca: CaOwnStatus | null;
};

export function joinStatus(status: CaStatus, ca: CaOwnStatus | null): JoinedStatus {
  const live = new Map(ca?.authorities.map((one) => [one.keyId, one.liveCertificates]));
  return {
    ...status,
    issuers: status.issuers.map((issuer) => ({
      ...issuer,
      liveCertificates: live.get(issuer.keyId) ?? null,
    })),
    rotation: ca?.rotation ?? null,
    reminders: ca?.reminders ?? [],
    ca,
  };
}

const STATE: Readonly<Record<Authority['state'], Span>> = {
  staged: faint('being made'),
  active: good('in use'),
  'verify-only': caution('still counts'),
  refused: faint('retired'),
  destroyed: faint('destroyed'),
};

const stateOf = ({ state, reason }: Pick<Authority, 'state' | 'reason'>): Span => {
  if (reason === 'compromised') return bad('stolen, refused');
  return reason === 'rolled-back' ? faint('taken back') : STATE[state];
};

const ISSUES = 'vouches for hosts';
const ANCHOR = 'hosts trust it';

export function caStatusLines(
  status: JoinedStatus,
  on: { readonly now: Date; readonly width: number | undefined; readonly textWidth: number },
): Line[] {
  const { ca, rotation, reminders, hosts, trustBundle } = status;
  const { count, away } = trustBundle.withoutAnchors;
  const rows = ca === null ? listedRows(status, on.now) : ownRows(status, ca, on.now);
  return [
    ...table(['KEY', 'WHAT IT DOES', 'STATE', 'ENDS', 'CERTS', 'HOSTS', 'VMS'], rows, on.width),
    '',
    ...(rotation === null
      ? []
      : [...rotationLines(rotation, { now: on.now, width: on.textWidth }), '']),
    ...reminders.flatMap(({ text }) => [...wrapWords(text, on.textWidth).map(caution), '']),
    `${counted(hosts, 'host')}. ${anchorsText(count, away)}`,
    `Trust bundle ${trustBundle.epoch}, ends ${until(trustBundle.notAfter, on.now)}: ` +
      `${trustBundle.hostsThere} have it, ${trustBundle.hostsBehind} not yet.`,
    ...(ca === null
      ? [faint('What the CA says of its keys itself is shown to whoever is logged in there too.')]
      : []),
  ];
}

const anchorsText = (count: number, away: number): string =>
  count === 0
    ? 'All know the keys that they have to trust.'
    : `${count} ${count === 1 ? 'does' : 'do'} not know all keys that they have to trust yet, ` +
      `${away} of them away.`;

/** Keys that are gone are no news. */
function ownRows(status: JoinedStatus, ca: CaOwnStatus, now: Date): Span[][] {
  const shown = ca.authorities.filter(({ state }) => state !== 'destroyed');
  return shown
    .toSorted((a, b) => ORDER.indexOf(a.role) - ORDER.indexOf(b.role))
    .map((authority) => {
      const { keyId, role, notAfter, liveCertificates } = authority;
      const counts = status.issuers.find((issuer) => issuer.keyId === keyId);
      return [
        ...[keyId.slice(0, 8), role === 'root' ? ANCHOR : ISSUES, stateOf(authority)],
        until(notAfter, now),
        ...(role === 'root' ? ['-', '-', '-'] : [String(liveCertificates), ...countsOf(counts)]),
      ];
    });
}
const ORDER = ['issuing', 'root'] as const;

const countsOf = (issuer: Issuer | undefined): string[] =>
  issuer === undefined ? ['0', '0'] : [String(issuer.hosts.count), String(issuer.vms.count)];

function listedRows({ issuers, anchors }: CaStatus, now: Date): Span[][] {
  return [
    ...issuers.map((issuer) => [
      ...[issuer.keyId.slice(0, 8), ISSUES, stateOf(issuer), until(issuer.notAfter, now), '-'],
      ...countsOf(issuer),
    ]),
    ...anchors.map(({ subject, notAfter }) => [
      ...[keyIn(subject), ANCHOR, good('in use'), until(notAfter, now), '-', '-', '-'],
    ]),
  ];
}

/** The CA's certificates have the start of their key's identifier in their name. */
const keyIn = (subject: string): string => /\b[0-9a-f]{8}\b/u.exec(subject)?.[0] ?? '-';
