import type { HostList, HostSummary } from '@touchstone/schemas';
import { age } from './age.ts';
import { reasonLine, type TitleOf } from './reason-titles.ts';
import { classOf, countStates, stateSpan } from './state.ts';
import { table } from './table.ts';
import type { Line } from './text.ts';

/** As many as one answer holds; more than these may exist. */
const MOST = 1_000;

export function hostListLines(
  { hosts }: HostList,
  context: { readonly now: Date; readonly width: number | undefined; readonly titleOf: TitleOf },
): Line[] {
  if (hosts.length === 0) {
    return [
      'No host has enrolled yet.',
      'Make a join token with `touchstone join-token create --class CLASS`, then run on the host:',
      '  touchstone-agent enroll --server URL --fingerprint F --join-token-file FILE',
    ];
  }
  const rows = hosts
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((host) => [
      host.name,
      stateSpan(host.state),
      classOf(host),
      age(host.since, context.now),
      reasonOf(host, context),
    ]);
  const shown = hosts.length < MOST ? '' : ' (the first of them)';
  return [
    ...table(['NAME', 'STATE', 'CLASS', 'SINCE', 'REASON'], rows, context.width),
    '',
    `${countStates(hosts)}${shown}`,
  ];
}

function reasonOf(
  { state, verdict, reason, lastAuthenticAt, name }: HostSummary,
  { now, titleOf }: { readonly now: Date; readonly titleOf: TitleOf },
): string {
  if (state === 'stale') {
    return lastAuthenticAt === null
      ? 'it has never given authentic evidence'
      : `no authentic evidence for ${age(lastAuthenticAt, now)}`;
  }
  if (state === 'pending') return `waits for approval: touchstone host approve ${name}`;
  if (state === 'untrusted' && (verdict === 'affirming' || verdict === 'warning')) {
    return 'good now, but was bad earlier in this boot: restart it, or approve it';
  }
  if (reason !== null) return reasonLine(reason.code, reason.subject, titleOf);
  return state === 'untrusted' ? `touchstone host explain ${name}` : '-';
}
