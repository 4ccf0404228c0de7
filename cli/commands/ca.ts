import type { Command } from 'commander';
import { caStatusLines } from '../show/ca-status.ts';
import type { World } from '../world.ts';
import { addCaAuditCommands } from './ca/audit.ts';
import { addCaOperatorCommands } from './ca/operator.ts';
import { addCaQuorumCommands } from './ca/quorum.ts';

export function addCaCommands(program: Command, world: World): void {
  const ca = program
    .command('ca')
    .description("the privacy CA: whose word about a host's TPM is believed");
  ca.command('status')
    .description('its anchors and issuers, and which hosts know of them')
    .action((_: object, command: Command) => status(world, command));
  addCaOperatorCommands(ca, world);
  addCaQuorumCommands(ca, world);
  addCaAuditCommands(ca, world);
}

const status = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const answer = await api.ca();
    world.present(command, answer, () => caStatusLines(answer, world.now(), world.screen.width));
  });
