import type { Command } from 'commander';
import type { AssuranceClass, BaselinePart, Labels } from '@touchstone/schemas';
import type { StrongHash } from '@touchstone/tpm';
import {
  gatherBanks,
  gatherClasses,
  gatherLabels,
  readCount,
  readName,
  readPart,
} from '../arguments.ts';
import { readStart } from '../input.ts';
import { yamlTextLines } from '../show/draft.ts';
import { caution } from '../show/text.ts';
import type { World } from '../world.ts';

type FromLogOptions = {
  readonly name: string;
  readonly version: number;
  readonly part?: BaselinePart;
  readonly label?: Labels;
  readonly class?: readonly AssuranceClass[];
  readonly bank?: readonly StrongHash[];
  readonly ima?: string;
};

export function addBaselineFromLogCommand(baseline: Command, world: World): void {
  baseline
    .command('from-log')
    .description('YAML of baselines that say what a log shows; asks no server')
    .argument('<file>', 'binary_bios_measurements of securityfs, or its like; - is standard input')
    .option('--name <name>', 'what to call it', readName, 'from-log')
    .option('--part <part>', 'this part only', readPart)
    .option(
      '--label <key=value>',
      'let it apply to hosts with this label; repeatable',
      gatherLabels,
    )
    .option(
      '--class <class>',
      "for hosts of these classes (default: the log's kind)",
      gatherClasses,
    )
    .option('--bank <bank>', 'the PCR banks to list (default: sha256)', gatherBanks)
    .option('--version <number>', 'its version', readCount, 1)
    .option(
      '--ima <file>',
      "IMA's list of the same boot: its files, and no others, may be measured",
    )
    .action((file: string, options: FromLogOptions, command: Command) =>
      fromLog(world, file, options, command),
    );
}

/** The YAML goes to standard output as it is; what is said about it goes beside. */
async function fromLog(
  world: World,
  file: string,
  options: FromLogOptions,
  command: Command,
): Promise<void> {
  // Only here: they bring the rooms that read logs with them.
  const { draftFromLog } = await import('../import/from-log.ts');
  const { MAX_IMA_BYTES_READ } = await import('../inspect/inspect-ima.ts');
  const { MAX_LOG_BYTES_READ } = await import('../inspect/inspect-event-log.ts');
  const { formatBaselines } = await import('@touchstone/appraisal');
  const bytes = await readStart(file, world.stdin, MAX_LOG_BYTES_READ);
  const { name, version, part, label: labels = {}, class: classes, bank: banks } = options;
  const list =
    options.ima === undefined
      ? undefined
      : { file: options.ima, bytes: await readStart(options.ima, world.stdin, MAX_IMA_BYTES_READ) };
  const wanted = { name, version, part, labels, classes, banks };
  const baselines = draftFromLog({ file, bytes }, list, wanted);
  world.present(command, { baselines }, () => yamlTextLines(formatBaselines(baselines)));
  for (const quirk of new Set(baselines.flatMap(({ quirks = [] }) => quirks))) {
    world.note(command, caution(`The log needs the quirk ${quirk}, which the baseline names.`));
  }
}
