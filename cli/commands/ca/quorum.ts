import type { Command } from 'commander';
import { readQuorum, readUuid } from '../../arguments.ts';
import { approvalLines, approvalText, quorumLines } from '../../show/quorum.ts';
import type { World } from '../../world.ts';

/** How many people it takes to have the CA believe more, which is a setting of its own. */
export function addCaQuorumCommands(ca: Command, world: World): void {
  const quorum = ca
    .command('quorum')
    .description('how many people it takes to loosen what the CA believes');

  quorum
    .command('show', { isDefault: true })
    .description('1 or 2, who could approve, and what waits for another person')
    .action((_: object, command: Command) => show(world, command));

  quorum
    .command('set')
    .description('raised to 2 by one person, lowered to 1 by two')
    .argument('<number>', '1 or 2', readQuorum)
    .action((number: number, _: object, command: Command) => set(world, number, command));

  const approval = ca
    .command('approval')
    .description('what one person has approved at the CA, and another has to');

  approval
    .command('list')
    .description('every approval that waits for another person')
    .option('--all', 'those too that were made, taken back or not made in time')
    .action(({ all }: { all?: true }, command: Command) => list(world, all === true, command));

  approval
    .command('withdraw')
    .description('take a first approval back')
    .argument('<id>', 'its id', readUuid)
    .action((id: string, _: object, command: Command) => withdraw(world, id, command));
}

const AT_CA = 'touchstone ca';

const show = (world: World, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const answer = await api.quorum();
    world.present(command, answer, () => quorumLines(answer, world.screen.textWidth, AT_CA));
  });

const set = (world: World, quorum: number, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const answer = await api.setQuorum({ quorum });
    world.present(command, answer, () => quorumLines(answer, world.screen.textWidth, AT_CA));
  });

const list = (world: World, all: boolean, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const answer = await api.approvals(all);
    world.present(command, answer, () => approvalLines(answer, world.now(), world.screen.width));
  });

const withdraw = (world: World, id: string, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const approval = await api.withdrawApproval(id);
    world.present(command, approval, () => [`Taken back: ${approvalText(approval)}.`]);
  });
