import type { Command } from 'commander';
import {
  BASELINE_YAML_MAX_BYTES,
  type BaselinePart,
  type PreviewPart,
  type PreviewRequest,
} from '@touchstone/schemas';
import { readCount, readName, readPart } from '../arguments.ts';
import { CliError } from '../codes.ts';
import { readInput } from '../input.ts';
import { addPart, NOTHING_SEEN, previewLines } from '../show/preview.ts';
import { loadTitles } from '../show/reason-titles.ts';
import { faint } from '../show/text.ts';
import type { World } from '../world.ts';

type Options = {
  readonly file?: string;
  readonly part?: BaselinePart;
  readonly version?: number;
  readonly retire?: true;
};

export function addPreviewCommand(baseline: Command, world: World): void {
  baseline
    .command('preview')
    .description('which hosts and VMs a change would refuse or let in again, without making it')
    .argument('[name]', 'drafts of this name, approved', readName)
    .option('--file <file>', 'the documents of a YAML file instead; - reads standard input')
    .option('--part <part>', 'this part only', readPart)
    .option('--version <number>', 'this version only', readCount)
    .option('--retire', 'what is active under the name, retired')
    .addHelpText('after', '\nExit status: 0 nobody would be refused, 1 somebody would.')
    .action((name: string | undefined, options: Options, command: Command) =>
      preview(world, name, options, command),
    );
}

/** Parts between two words of progress. */
const QUIET_MS = 5_000;

const preview = (
  world: World,
  name: string | undefined,
  options: Options,
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const change = await changeOf(world, name, options);
    const titleOf = await loadTitles();
    let seen = NOTHING_SEEN;
    let part: PreviewPart | undefined;
    let said = Date.now();
    do {
      const cursor = part?.nextCursor;
      part = await api.preview({ change, ...(cursor === undefined ? {} : { cursor }) });
      seen = addPart(seen, part);
      if (Date.now() - said > QUIET_MS && part.nextCursor !== undefined) {
        said = Date.now();
        world.note(command, faint(`${seen.hosts} hosts so far ...`));
      }
    } while (part.nextCursor !== undefined);
    if (seen.refused.hosts > 0) world.answersNo();
    world.present(command, seen, () => previewLines(seen, { titleOf, width: world.screen.width }));
  });

async function changeOf(
  world: World,
  name: string | undefined,
  { file, part, version, retire }: Options,
): Promise<PreviewRequest['change']> {
  if (file !== undefined) {
    if (name !== undefined || part !== undefined || version !== undefined || retire === true) {
      throw new CliError('PREVIEW_OF_WHAT', '--file stands alone');
    }
    return { kind: 'documents', yaml: await readInput(file, world.stdin, BASELINE_YAML_MAX_BYTES) };
  }
  if (name === undefined) throw new CliError('PREVIEW_OF_WHAT', 'neither a name nor --file');
  const parts = part === undefined ? {} : { part };
  if (retire !== true) {
    return { kind: 'approval', name, ...parts, ...(version === undefined ? {} : { version }) };
  }
  if (version !== undefined) throw new CliError('PREVIEW_OF_WHAT', '--retire takes no --version');
  return { kind: 'retirement', name, ...parts };
}
