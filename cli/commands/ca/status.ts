import type { Command } from 'commander';
import type { CaOwnStatus } from '@touchstone/schemas';
import { AppError, ProblemError } from '@touchstone/transport';
import { caStatusLines, joinStatus } from '../../show/ca-status.ts';
import { caution } from '../../show/text.ts';
import type { World } from '../../world.ts';

export function addCaStatusCommand(ca: Command, world: World): void {
  ca.command('status')
    .description("the CA's keys, which hosts have certificates by which, and how a change goes on")
    .action((_: object, command: Command) => status(world, command));
}

const status = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const own = (await world.hasCaLogin(command)) ? await ownStatus(world, command) : null;
    const joined = joinStatus(await api.ca(), own);
    const { width, textWidth } = world.screen;
    world.present(command, joined, () =>
      caStatusLines(joined, { now: world.now(), width, textWidth }),
    );
  });

const NO_ROOTS =
  'No maker of TPMs is trusted yet: `touchstone ca bundle list` says where to fetch what hosts with a chip need.';

/** A CA that is away keeps nobody from seeing what the server knows. What it refuses is told. */
async function ownStatus(world: World, command: Command): Promise<CaOwnStatus | null> {
  let own: CaOwnStatus | null = null;
  try {
    await world.asCaOperator(command, async (ca) => {
      own = await ca.status();
      // Worth less than the answer: without it the command still succeeds.
      const roots = await ca.tpmRoots().catch(() => null);
      if (roots?.roots.length === 0) world.note(command, NO_ROOTS, '');
    });
  } catch (error) {
    if (error instanceof ProblemError || !(error instanceof AppError)) throw error;
    world.note(command, caution(`The CA does not answer (${error.code}).`), '');
  }
  return own;
}
