import type { Command } from 'commander';
import type { AssuranceClass, Replacement } from '@touchstone/schemas';
import { gatherClasses, readAkName, readUuid } from '../arguments.ts';
import { CliError } from '../codes.ts';
import type { OperatorApi } from '../operator-api.ts';
import { replacementLines, replacementListLines } from '../show/replacement.ts';
import { classText } from '../show/state.ts';
import type { World } from '../world.ts';

type ApproveOptions = { readonly class?: readonly AssuranceClass[]; readonly akName?: string };

/** `touchstone host replacements`: another TPM, or a cleared one, under a known host's name. */
export function addReplacementCommands(host: Command, world: World): void {
  const replacements = host
    .command('replacements')
    .description('other TPMs and cleared ones that were offered for known hosts')
    .action((_: object, command: Command) => list(world, command));

  replacements
    .command('approve')
    .description('let it take the place of the recorded one; what is approved is its AK Name')
    .argument('<id>', 'its id', readUuid)
    .option(
      '--class <class>',
      'admit this class; repeatable (default: the offered one)',
      gatherClasses,
    )
    .option('--ak-name <hex>', 'approve only if this is its AK Name', readAkName)
    .action((id: string, options: ApproveOptions, command: Command) =>
      approve(world, id, options, command),
    );

  replacements
    .command('reject')
    .description('the recorded one stays, and this AK is not taken again')
    .argument('<id>', 'its id', readUuid)
    .requiredOption('--reason <text>', 'why, for the audit log')
    .action((id: string, options: { reason: string }, command: Command) =>
      reject(world, id, options.reason, command),
    );
}

const list = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const known = await api.replacements();
    world.present(command, known, () =>
      replacementListLines(known, world.now(), world.screen.width),
    );
  });

/** The AK Name that is shown is the one that is sent. */
const approve = (
  world: World,
  id: string,
  options: ApproveOptions,
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { hostName, kind, offered } = await find(api, id);
    if (options.akName !== undefined && options.akName !== offered.akName) {
      throw new CliError('AK_NAME_DIFFERS', `named ${options.akName}, found ${offered.akName}`);
    }
    const classes = [...(options.class ?? [offered.class])];
    world.note(
      command,
      `Approving this ${kind} of ${hostName} for class ${classes.map((each) => classText(each)).join(', ')}`,
      `with AK Name ${offered.akName}`,
    );
    const decided = await api.approveReplacement(id, { akName: offered.akName, classes });
    present(world, command, decided);
  });

const reject = (world: World, id: string, reason: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    present(world, command, await api.rejectReplacement(id, { reason }));
  });

async function find(api: OperatorApi, id: string): Promise<Replacement> {
  const { replacements } = await api.replacements();
  const found = replacements.find((replacement) => replacement.id === id);
  if (found === undefined) throw new CliError('REPLACEMENT_UNKNOWN', id);
  return found;
}

const present = (world: World, command: Command, decided: Replacement): void =>
  world.present(command, decided, () => replacementLines(decided, world.screen.textWidth));
