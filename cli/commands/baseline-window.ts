import type { Command } from 'commander';
import { BASELINE_YAML_MAX_BYTES, type WindowOpening } from '@touchstone/schemas';
import { readCount, readName, readTime } from '../arguments.ts';
import { CliError } from '../codes.ts';
import { readInput } from '../input.ts';
import type { OperatorApi } from '../operator-api.ts';
import { windowChangeLines, windowLines, windowListLines } from '../show/window.ts';
import type { World } from '../world.ts';

type OpenOptions = { readonly add?: string; readonly until: string; readonly hosts?: number };
type CloseOptions = { readonly abandon?: true; readonly reason: string };

export function addWindowCommands(baseline: Command, world: World): void {
  const window = baseline
    .command('window')
    .description('accept new documents beside the old while an update is rolled out');

  window
    .command('open')
    .description('until a time, or until so many hosts are accepted by the new ones')
    .argument('<name>', 'of what is active', readName)
    .option(
      '--add <file>',
      'the new documents (default: the latest drafts); - reads standard input',
    )
    .requiredOption(
      '--until <time>',
      '2027-03-01, or 2027-03-01T12:00:00Z; the old ones retire then',
      readTime,
    )
    .option(
      '--hosts <number>',
      'or as soon as so many hosts are accepted by the new ones',
      readCount,
    )
    .action((name: string, options: OpenOptions, command: Command) =>
      open(world, name, options, command),
    );

  window
    .command('list')
    .description('windows that are open')
    .option('--all', 'those too that have ended')
    .action(({ all }: { all?: true }, command: Command) => list(world, all === true, command));

  window
    .command('show')
    .description('how far it is: hosts on the new documents, and laggards by name')
    .argument('<window>', 'its id, or a name: the latest of it', readName)
    .action((key: string, _: object, command: Command) => show(world, key, command));

  window
    .command('close')
    .description('end it now: the old documents retire')
    .argument('<window>', 'its id, or a name', readName)
    .option('--abandon', 'the other way round: the new ones go, the old ones stay')
    .requiredOption('--reason <text>', 'why, for the audit log')
    .action((key: string, options: CloseOptions, command: Command) =>
      close(world, key, options, command),
    );
}

const open = (
  world: World,
  name: string,
  { add, until, hosts }: OpenOptions,
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const documents = add === undefined ? undefined : await drafted(world, api, name, add);
    const change = await api.openWindow({
      name,
      until,
      ...(documents === undefined ? {} : { documents }),
      ...(hosts === undefined ? {} : { hosts }),
    });
    world.present(command, change, () => windowChangeLines(change, world.now()));
  });

/** Drafts stay what they are: the same file again is no other. */
async function drafted(
  world: World,
  api: OperatorApi,
  name: string,
  file: string,
): Promise<WindowOpening['documents']> {
  const { baselines } = await api.draftBaselines(
    await readInput(file, world.stdin, BASELINE_YAML_MAX_BYTES),
  );
  const other = baselines.find(({ baseline }) => baseline.name !== name);
  if (other !== undefined) throw new CliError('WINDOW_OTHER_NAME', other.baseline.name);
  return baselines.map(({ baseline: { part, version } }) => ({ part, version }));
}

const list = (world: World, all: boolean, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const answer = await api.windows(all);
    const { width } = world.screen;
    world.present(command, answer, () => windowListLines(answer.windows, world.now(), width));
  });

const show = (world: World, key: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const window = await api.window(key);
    const { hosts } = await api.windowHosts(window.id);
    const { screen } = world;
    world.present(command, { window, hosts }, () =>
      windowLines({ window, hosts }, world.now(), screen),
    );
  });

const close = (
  world: World,
  key: string,
  { abandon, reason }: CloseOptions,
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { id } = await api.window(key);
    const change = await api.closeWindow(id, {
      ...(abandon === undefined ? {} : { abandon }),
      reason,
    });
    world.present(command, change, () => windowChangeLines(change, world.now()));
  });
