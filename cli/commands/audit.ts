import type { Command } from 'commander';
import { table } from '../show/table.ts';
import { faint } from '../show/text.ts';
import type { World } from '../world.ts';

export function addAuditCommands(program: Command, world: World): void {
  program
    .command('audit')
    .description('who did what')
    .command('list')
    .description('the audit log')
    .action((_: object, command: Command) => list(world, command));
}

const list = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const audit = await api.audit();
    world.present(command, audit, () =>
      table(
        ['NO', 'AT', 'WHO', 'WHAT', 'ON', 'DETAIL'],
        audit.entries.map(({ sequence, at, actor, action, subject, detail }) => [
          String(sequence),
          at,
          actor,
          action,
          subject,
          detail,
        ]),
        world.screen.width,
      ),
    );
    if (audit.nextCursor !== undefined) world.note(command, faint('There are earlier lines.'));
  });
