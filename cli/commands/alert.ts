import type { Command } from 'commander';
import { age } from '../show/age.ts';
import { table } from '../show/table.ts';
import type { World } from '../world.ts';

export function addAlertCommands(program: Command, world: World): void {
  program
    .command('alert')
    .description('what somebody should look at')
    .command('list')
    .description('every alert, the latest first')
    .action((_: object, command: Command) => list(world, command));
}

const list = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const known = await api.alerts();
    const now = world.now();
    world.present(command, known, () =>
      known.alerts.length === 0
        ? ['There are no alerts.']
        : table(
            ['CODE', 'ON', 'TIMES', 'FIRST', 'LAST', 'DETAIL'],
            known.alerts.map(({ code, subject, count, firstAt, lastAt, detail }) => [
              code,
              subject,
              String(count),
              age(firstAt, now),
              age(lastAt, now),
              detail,
            ]),
            world.screen.width,
          ),
    );
  });
