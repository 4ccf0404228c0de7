import type { Command } from 'commander';
import type { BaselinePart, BaselineRecord, Labels } from '@touchstone/schemas';
import { gatherLabels, readCount, readName, readPart } from '../arguments.ts';
import { CliError } from '../codes.ts';
import { baselineListLines, changedHostLines, describeBaseline } from '../show/baseline.ts';
import { draftLines } from '../show/draft.ts';
import { faint, type Line } from '../show/text.ts';
import type { World } from '../world.ts';
import { addBaselineFromLogCommand } from './baseline-from-log.ts';
import { addBaselineImportCommands } from './baseline-import.ts';
import { addDiffCommand } from './baseline-diff.ts';
import { addPreviewCommand } from './baseline-preview.ts';
import { addWindowCommands } from './baseline-window.ts';

type CaptureOptions = {
  readonly name: string;
  readonly label?: Labels;
  readonly acceptUnverified?: true;
};
type PartOptions = { readonly part?: BaselinePart; readonly version?: number };
type RetireOptions = { readonly part?: BaselinePart; readonly reason: string };
type ShowOptions = PartOptions & { readonly all?: true };

export function addBaselineCommands(program: Command, world: World): void {
  const baseline = program
    .command('baseline')
    .description('golden measurements: what a host may have booted');

  baseline
    .command('capture')
    .description("draft a baseline from a host's latest evidence")
    .argument('<host>', 'name or id', readName)
    .requiredOption('--name <name>', 'what to call it', readName)
    .option(
      '--label <key=value>',
      'let it apply to hosts with this label; repeatable',
      gatherLabels,
    )
    .option('--accept-unverified', 'capture although the host is not trusted yet')
    .action((host: string, options: CaptureOptions, command: Command) =>
      capture(world, host, options, command),
    );

  addBaselineFromLogCommand(baseline, world);
  addBaselineImportCommands(baseline, world);

  baseline
    .command('list')
    .description('every baseline document and where it stands')
    .action((_: object, command: Command) => list(world, command));

  baseline
    .command('show')
    .description('the YAML to review: drafts and what is active')
    .argument('<name>', 'its name', readName)
    .option('--part <part>', 'this part only', readPart)
    .option('--version <number>', 'this version only', readCount)
    .option('--all', 'with the retired ones')
    .action((name: string, options: ShowOptions, command: Command) =>
      show(world, name, options, command),
    );

  baseline
    .command('approve')
    .description('make drafts active: what they list is trusted from then on')
    .argument('<name>', 'its name', readName)
    .option('--part <part>', 'this part only', readPart)
    .option('--version <number>', 'this version only', readCount)
    .action((name: string, options: PartOptions, command: Command) =>
      approve(world, name, options, command),
    );

  baseline
    .command('retire')
    .description('take documents out of the policy; hosts that rest on them lose trust')
    .argument('<name>', 'its name', readName)
    .option('--part <part>', 'this part only', readPart)
    .requiredOption('--reason <text>', 'why, for the audit log')
    .action((name: string, options: RetireOptions, command: Command) =>
      retire(world, name, options, command),
    );

  addDiffCommand(baseline, world);
  addPreviewCommand(baseline, world);
  addWindowCommands(baseline, world);
}

const retire = (
  world: World,
  name: string,
  { part, reason }: RetireOptions,
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const retired = await api.retireBaseline(name, {
      ...(part === undefined ? {} : { part }),
      reason,
    });
    world.present(command, retired, () => [
      ...retired.baselines.map((record) => describeBaseline(record, world.now())),
      ...changedHostLines(retired),
    ]);
  });

const capture = (
  world: World,
  host: string,
  { name, label, acceptUnverified }: CaptureOptions,
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { id } = (await api.host(host)).host;
    const drafted = await api.captureBaseline(id, {
      name,
      ...(label === undefined ? {} : { labels: label }),
      ...(acceptUnverified === true ? { acceptUnverified } : {}),
    });
    world.present(command, drafted, () => draftLines(drafted));
  });

const list = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const answer = await api.baselines();
    const { width } = world.screen;
    world.present(command, answer, () => baselineListLines(answer.baselines, world.now(), width));
  });

/** The documents go to standard output as they are; what is said about them goes beside. */
const show = (world: World, name: string, options: ShowOptions, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { baselines } = await api.baselines(name);
    const chosen = baselines.filter((record) => isChosen(record, options));
    if (chosen.length === 0) throw new CliError('BASELINE_UNKNOWN', name);
    world.present(command, { baselines: chosen }, () => yamlLines(chosen));
    world.note(
      command,
      '',
      ...chosen.map((record) => faint(`# ${describeBaseline(record, world.now())}`)),
    );
  });

const approve = (
  world: World,
  name: string,
  { part, version }: PartOptions,
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const approved = await api.approveBaseline(name, {
      ...(part === undefined ? {} : { part }),
      ...(version === undefined ? {} : { version }),
    });
    world.present(command, approved, () => [
      ...approved.baselines.map((record) => describeBaseline(record, world.now())),
      ...changedHostLines(approved),
    ]);
  });

function isChosen({ baseline, state }: BaselineRecord, options: ShowOptions): boolean {
  if (options.part !== undefined && baseline.part !== options.part) return false;
  if (options.version !== undefined) return baseline.version === options.version;
  return options.all === true || state !== 'retired';
}

const yamlLines = (records: readonly BaselineRecord[]): Line[] =>
  records.flatMap(({ yaml }, index) => [
    ...(index === 0 ? [] : ['---']),
    ...yaml.replace(/\r?\n$/u, '').split(/\r?\n/u),
  ]);
