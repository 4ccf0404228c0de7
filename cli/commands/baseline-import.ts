import type { Command } from 'commander';
import {
  type AssuranceClass,
  type Baseline,
  BASELINE_YAML_MAX_BYTES,
  type Labels,
} from '@touchstone/schemas';
import type { StrongHash } from '@touchstone/tpm';
import { gatherBanks, gatherClasses, gatherLabels, readCount, readName } from '../arguments.ts';
import { CliError } from '../codes.ts';
import { readInput } from '../input.ts';
import type { ImageOrigin } from '../import/boot-chain-draft.ts';
import type { PcrlockFile } from '../import/pcrlock/pcrlock-draft.ts';
import { draftLines, yamlTextLines } from '../show/draft.ts';
import { faint } from '../show/text.ts';
import type { World } from '../world.ts';

type DraftOptions = {
  readonly name: string;
  readonly label?: Labels;
  readonly class?: readonly AssuranceClass[];
  readonly bank?: readonly StrongHash[];
  readonly version?: number;
  readonly print?: true;
};
type DebOptions = DraftOptions & { readonly kernelTimes?: number };

/** Every road by which a baseline comes in from files. */
export function addBaselineImportCommands(baseline: Command, world: World): void {
  const importing = baseline
    .command('import')
    .description('draft baselines from files: YAML, Debian packages, .pcrlock')
    .argument('<file>', 'one or more YAML documents; - reads standard input')
    .action((file: string, _: object, command: Command) => importFile(world, file, command));

  withDraftOptions(
    importing
      .command('deb')
      .description('a boot chain from the packages that it is installed from')
      .argument('<file...>', 'Debian packages, or UEFI images such as unified kernels'),
  )
    .option(
      '--kernel-times <number>',
      'how often a boot measures its kernel (with shim and GRUB: 2, else 1)',
      readCount,
    )
    .action((files: string[], options: DebOptions, command: Command) =>
      importDeb(world, files, options, command),
    );

  withDraftOptions(
    importing
      .command('pcrlock')
      .description('what systemd-pcrlock expects of a boot')
      .argument('<file...>', '.pcrlock files; those of a folder .pcrlock.d are alternatives'),
  ).action((files: string[], options: DraftOptions, command: Command) =>
    importPcrlock(world, files, options, command),
  );
}

const withDraftOptions = (command: Command): Command =>
  command
    .requiredOption('--name <name>', 'what to call it', readName)
    .option(
      '--label <key=value>',
      'let it apply to hosts with this label; repeatable',
      gatherLabels,
    )
    .option(
      '--class <class>',
      'for hosts of these classes; by default all with a chip or a virtual one',
      gatherClasses,
    )
    .option('--bank <bank>', 'the PCR banks to list (default: sha256)', gatherBanks)
    .option('--version <number>', 'its version; by default the next one', readCount)
    .option('--print', 'write the YAML; asks no server');

const importFile = (world: World, file: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const drafted = await api.draftBaselines(
      await readInput(file, world.stdin, BASELINE_YAML_MAX_BYTES),
    );
    world.present(command, drafted, () => draftLines(drafted));
  });

async function importDeb(
  world: World,
  files: readonly string[],
  options: DebOptions,
  command: Command,
): Promise<void> {
  // Only here: they bring the rooms that read images with them.
  const { readImages } = await import('../import/read-images.ts');
  const { draftBootChain } = await import('../import/boot-chain-draft.ts');
  const { bank: banks = ['sha256'] } = options;
  const origins: ImageOrigin[] = [];
  for (const file of files) origins.push(await readImages(file, banks));
  const empty = origins.filter(({ images }) => images.length === 0).map(({ from }) => from);
  if (empty.length === origins.length) throw new CliError('IMPORT_NO_IMAGE', empty.join(', '));
  for (const from of empty) world.note(command, faint(`${from}: no boot image in it`));
  await draft(world, options, command, (version) => [
    draftBootChain(origins, {
      ...{ name: options.name, version, banks, kernelTimes: options.kernelTimes },
      ...matchOf(options),
    }),
  ]);
}

async function importPcrlock(
  world: World,
  paths: readonly string[],
  options: DraftOptions,
  command: Command,
): Promise<void> {
  const { draftOfPcrlock, readPcrlock } = await import('../import/read-pcrlock.ts');
  const files: PcrlockFile[] = [];
  for (const path of paths) files.push(await readPcrlock(path));
  const { name, bank: banks = ['sha256'] } = options;
  const draftOf = (version: number) =>
    draftOfPcrlock(files, { name, version, banks, ...matchOf(options) });
  const { baselines, leftOut } = draftOf(1);
  if (baselines.length === 0) throw new CliError('IMPORT_NO_RULE', leftOut.join('; '));
  for (const what of leftOut) {
    world.note(command, faint(`${what}: left out, for nothing tells the type of its events`));
  }
  await draft(world, options, command, (version) => draftOf(version).baselines);
}

const matchOf = ({ label = {}, class: classes = WITH_FIRMWARE }: DraftOptions) => ({
  labels: label,
  classes,
});

const WITH_FIRMWARE: readonly AssuranceClass[] = ['discrete', 'firmware', 'virtual'];

/** Prints what `make` makes, or has the server keep it as the next version of its name and part. */
async function draft(
  world: World,
  { name, version, print }: Pick<DraftOptions, 'name' | 'version' | 'print'>,
  command: Command,
  make: (version: number) => readonly Baseline[],
): Promise<void> {
  const { checkBaseline, formatBaselines } = await import('@touchstone/appraisal');
  if (print === true) {
    const documents = make(version ?? 1).map(checkBaseline);
    const answer = { baselines: documents };
    world.present(command, answer, () => yamlTextLines(formatBaselines(documents)));
    return;
  }
  await world.asOperator(command, async (api) => {
    const { baselines } = await api.baselines(name);
    const latest = Math.max(0, ...baselines.map(({ baseline }) => baseline.version));
    const documents = make(version ?? latest + 1).map(checkBaseline);
    const drafted = await api.draftBaselines(formatBaselines(documents));
    world.present(command, drafted, () => draftLines(drafted));
  });
}
