import type { Command } from 'commander';
import type { AuditEntry, AuditList } from '@touchstone/schemas';
import type { NotedLine } from '../arguments.ts';
import { CliError } from '../codes.ts';
import { auditTable } from '../show/audit.ts';
import { counted } from '../show/state.ts';
import { faint } from '../show/text.ts';
import type { World } from '../world.ts';
import { type AuditWalk, walkAudit } from './audit-chain.ts';
import { wholeLog } from './whole-log.ts';

/** The server's log or the CA's. */
type AuditApi = { audit(cursor?: string): Promise<AuditList> };

export type WalkedLog = {
  readonly entries: readonly AuditEntry[];
  readonly walk: AuditWalk;
  /** Null where no line was noted. */
  readonly holdsNoted: boolean | null;
  /** Whether each line follows from the one before, and the noted one is among them. */
  readonly whole: boolean;
};

/** The whole log, walked here: whoever keeps it could say anything of it. @throws CliError AUDIT_EMPTY, LIST_TOO_LONG */
export async function walkLog(
  api: AuditApi,
  noted: NotedLine | undefined,
  world: World,
  command: Command,
): Promise<WalkedLog> {
  const entries = await wholeLog(api, (lines) =>
    world.note(command, faint(`${counted(lines, 'line')} read`)),
  );
  const walk = walkAudit(entries);
  if (walk === null) throw new CliError('AUDIT_EMPTY');
  const holdsNoted =
    noted === undefined
      ? null
      : entries.some(({ sequence, hash }) => sequence === noted.sequence && hash === noted.hash);
  return { entries, walk, holdsNoted, whole: walk.brokenAt === null && holdsNoted !== false };
}

/** Its latest lines. */
export async function listLog(api: AuditApi, world: World, command: Command): Promise<void> {
  const audit = await api.audit();
  world.present(command, audit, () => auditTable(audit.entries, world.screen.width));
  if (audit.nextCursor !== undefined) world.note(command, faint('There are earlier lines.'));
}
