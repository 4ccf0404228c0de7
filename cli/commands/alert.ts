import type { Command } from 'commander';
import type { Alert } from '@touchstone/schemas';
import { readUuid } from '../arguments.ts';
import { CliError } from '../codes.ts';
import { alertLines } from '../show/alert.ts';
import type { World } from '../world.ts';

export function addAlertCommands(program: Command, world: World): void {
  const alert = program.command('alert').description('what somebody should look at');

  alert
    .command('list')
    .description('every open alert, the latest first, and what to do')
    .option('--all', 'those too that were acknowledged')
    .action(({ all }: { all?: true }, command: Command) => list(world, all === true, command));

  alert
    .command('acknowledge')
    .description('somebody has seen to it: it is listed no more, unless it happens again')
    .argument('<id>', 'its id', readUuid)
    .action((id: string, _: object, command: Command) => acknowledge(world, id, command));
}

const list = (world: World, all: boolean, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const known = await api.alerts(all);
    world.present(command, known, () => alertLines(known, world.now(), world.screen));
  });

/** What is acknowledged is what is shown here, and not what has come since. */
const acknowledge = (world: World, id: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { alerts } = await api.alerts(true);
    const found = alerts.find((alert) => alert.id === id);
    if (found === undefined) throw new CliError('ALERT_UNKNOWN', id);
    world.note(command, `${found.code} on ${found.subject}: ${found.detail}`);
    const answer = await api.acknowledgeAlert(id, { count: found.count });
    world.present(command, answer, () => [doneText(answer)]);
  });

const doneText = ({ acknowledgedBy, acknowledgedAt }: Alert): string =>
  `Acknowledged by ${acknowledgedBy ?? 'nobody'} at ${acknowledgedAt ?? 'no time'}.`;
