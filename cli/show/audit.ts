import type { AuditEntry } from '@touchstone/schemas';
import type { AuditWalk } from '../audit/audit-chain.ts';
import { table } from './table.ts';
import { bad, faint, good, type Line } from './text.ts';

export const auditTable = (entries: readonly AuditEntry[], width: number | undefined): Line[] =>
  table(
    ['NO', 'AT', 'WHO', 'WHAT', 'ON', 'DETAIL'],
    entries.map(({ sequence, at, actor, action, subject, detail }) => [
      ...[String(sequence), at, actor, action, subject, detail],
    ]),
    width,
  );

export function walkLines(
  { from, to, head, brokenAt }: AuditWalk,
  holdsNoted: boolean | null,
): Line[] {
  const chain: Line =
    brokenAt === null
      ? [good('whole'), `  lines ${from} to ${to}: each follows from the one before`]
      : [bad('broken'), `  line ${brokenAt} does not follow from the one before`];
  const earlier = from === 1 ? [] : [faint(`Lines before ${from} are no longer kept.`)];
  if (holdsNoted === false) {
    return [chain, ...earlier, [bad('changed'), '  the line that was noted is not there']];
  }
  return [chain, ...earlier, ['Note this for the next time:  ', `--noted ${to}:${head}`]];
}
