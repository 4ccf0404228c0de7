import type { Command } from 'commander';
import type { RetentionRemoval } from '@touchstone/schemas';
import { removalLines, retentionLines } from '../show/retention.ts';
import { counted } from '../show/state.ts';
import { faint } from '../show/text.ts';
import type { World } from '../world.ts';

export function addRetentionCommands(program: Command, world: World): void {
  const retention = program
    .command('retention')
    .description('what is kept, and how long; the server removes the rest once a day');

  retention
    .command('show')
    .description('how long each kind of record is kept, and how much there is')
    .action((_: object, command: Command) => show(world, command));

  retention
    .command('run')
    .description('remove what has had its time, now')
    .option('--dry-run', 'only say what would go')
    .action(({ dryRun }: { dryRun?: true }, command: Command) =>
      dryRun === true ? rehearse(world, command) : run(world, command),
    );
}

const show = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const retention = await api.retention();
    world.present(command, retention, () =>
      retentionLines(retention, world.now(), world.screen.width),
    );
  });

const rehearse = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { due } = await api.retention();
    present(world, command, { due }, due);
    if (due.length > 0)
      world.note(command, faint(`${summary(due)} would go. Nothing has changed.`));
  });

const run = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    world.note(command, faint('Removing what has had its time …'));
    const answer = await api.runRetention();
    present(world, command, answer, answer.removed);
    if (answer.removed.length > 0) {
      world.note(command, faint(`${summary(answer.removed)} went; the audit log says so too.`));
    }
  });

function present(
  world: World,
  command: Command,
  answer: object,
  removals: readonly RetentionRemoval[],
): void {
  world.present(command, answer, () =>
    removals.length === 0
      ? ['Nothing has had its time.']
      : removalLines(removals, world.screen.width),
  );
}

const summary = (removals: readonly RetentionRemoval[]): string =>
  `${counted(removals.length, 'part')} with ${counted(
    removals.reduce((sum, { rows }) => sum + rows, 0),
    'row',
  )}`;
