import type { Command } from 'commander';
import { type NotedLine, readNoted } from '../../arguments.ts';
import { listLog, walkLog } from '../../audit/walked-log.ts';
import { walkLines } from '../../show/audit.ts';
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
  world.asCaOperator(command, (api) => listLog(api, world, command));

const verify = (world: World, { noted }: VerifyOptions, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const { walk, holdsNoted, whole } = await walkLog(api, noted, world, command);
    world.present(command, { ...walk, holdsNoted, whole }, () => walkLines(walk, holdsNoted));
    if (!whole) world.answersNo();
  });
