import type { Command } from 'commander';
import { caStatusLines } from '../show/ca-status.ts';
import type { World } from '../world.ts';

export function addCaCommands(program: Command, world: World): void {
  program
    .command('ca')
    .description("the privacy CA: whose word about a host's TPM is believed")
    .command('status')
    .description('its anchors and issuers, and which hosts know of them')
    .action((_: object, command: Command) => status(world, command));
}

const status = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const answer = await api.ca();
    world.present(command, answer, () => caStatusLines(answer, world.now(), world.screen.width));
  });
