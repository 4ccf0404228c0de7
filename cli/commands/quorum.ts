import type { Command } from 'commander';
import { readQuorum, readUuid } from '../arguments.ts';
import { approvalLines, approvalText, quorumLines } from '../show/quorum.ts';
import type { World } from '../world.ts';

export function addQuorumCommands(program: Command, world: World): void {
  const quorum = program
    .command('quorum')
    .description('how many people it takes to loosen what is trusted');

  quorum
    .command('show')
    .description('1 or 2, who could approve, and what waits for another person')
    .action((_: object, command: Command) => show(world, command));

  quorum
    .command('set')
    .description('raised to 2 by one person, lowered to 1 by two')
    .argument('<number>', '1 or 2', readQuorum)
    .action((number: number, _: object, command: Command) => set(world, number, command));

  const approval = program
    .command('approval')
    .description('what one person has approved, and another has to');

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

const show = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const answer = await api.quorum();
    world.present(command, answer, () => quorumLines(answer, world.screen.textWidth));
  });

const set = (world: World, quorum: number, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const answer = await api.setQuorum({ quorum });
    world.present(command, answer, () => quorumLines(answer, world.screen.textWidth));
  });

const list = (world: World, all: boolean, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const answer = await api.approvals(all);
    const { width } = world.screen;
    world.present(command, answer, () => approvalLines(answer, world.now(), width));
  });

const withdraw = (world: World, id: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const approval = await api.withdrawApproval(id);
    world.present(command, approval, () => [`Taken back: ${approvalText(approval)}.`]);
  });
