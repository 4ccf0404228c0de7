import type { AssuranceClass, HostState, HostSummary } from '@touchstone/schemas';
import { bad, caution, good, type Span, faint } from './text.ts';

const PAINT: Record<HostState, (text: string) => Span> = {
  trusted: good,
  untrusted: bad,
  pending: caution,
  stale: caution,
  revoked: faint,
};

export const stateSpan = (state: HostState): Span => PAINT[state](state);

/** A software TPM never passes for a chip, wherever a class is shown. */
export const classText = (assuranceClass: AssuranceClass, selfReported = false): string =>
  assuranceClass === 'software' || selfReported
    ? `${assuranceClass} (self-reported)`
    : assuranceClass;

export const classOf = (host: HostSummary): string =>
  classText(host.class, host.selfReportedMeasurements);

export const labelsText = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');

/** `3 hosts: 1 trusted, 2 untrusted`. */
export function countStates(hosts: readonly HostSummary[]): string {
  const counts = new Map<HostState, number>();
  for (const { state } of hosts) counts.set(state, (counts.get(state) ?? 0) + 1);
  const parts = Object.keys(PAINT).flatMap((state) => {
    const count = counts.get(state as HostState);
    return count === undefined ? [] : [`${count} ${state}`];
  });
  return `${counted(hosts.length, 'host')}: ${parts.join(', ')}`;
}

export const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? '' : 's'}`;
