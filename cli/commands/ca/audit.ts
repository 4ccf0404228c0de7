import type { Command } from 'commander';
import { type NotedLine, readNoted } from '../../arguments.ts';
import { walkAudit } from '../../audit/audit-chain.ts';
import { wholeLog } from '../../audit/whole-log.ts';
import { CliError } from '../../codes.ts';
import { auditTable, walkLines } from '../../show/audit.ts';
import { counted } from '../../show/state.ts';
import { faint } from '../../show/text.ts';
import type { World } from '../../world.ts';

type VerifyOptions = { readonly noted?: NotedLine };

export function addCaAuditCommands(ca: Command, world: World): void {
  const audit = ca.command('audit').description('who did what at the CA');

  audit
    .command('list')
    .description("the CA's audit log")
    .action((_: object, command: Command) => list(world, command));

  audit
    .command('verify')
    .description('whether each line of it follows from the one before')
    .option('--noted <sequence:hash>', 'and that it still holds this line, noted before', readNoted)
    .action((options: VerifyOptions, command: Command) => verify(world, options, command));
}

const list = (world: World, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const audit = await api.audit();
    world.present(command, audit, () => auditTable(audit.entries, world.screen.width));
    if (audit.nextCursor !== undefined) world.note(command, faint('There are earlier lines.'));
  });

const verify = (world: World, { noted }: VerifyOptions, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const entries = await wholeLog(api, (lines) =>
      world.note(command, faint(`${counted(lines, 'line')} read`)),
    );
    const walk = walkAudit(entries);
    if (walk === null) throw new CliError('AUDIT_EMPTY');
    const holdsNoted =
      noted === undefined
        ? null
        : entries.some(({ sequence, hash }) => sequence === noted.sequence && hash === noted.hash);
    const whole = walk.brokenAt === null && holdsNoted !== false;
    world.present(command, { ...walk, holdsNoted, whole }, () => walkLines(walk, holdsNoted));
    if (!whole) world.answersNo();
  });
