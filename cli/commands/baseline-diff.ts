import type { Command } from 'commander';
import { diffBaselines, parseBaselines, BaselineError } from '@touchstone/appraisal';
import {
  type Baseline,
  BASELINE_YAML_MAX_BYTES,
  type BaselineRecord,
  checkAgainst,
  Slug,
} from '@touchstone/schemas';
import { readCount } from '../arguments.ts';
import { CliError } from '../codes.ts';
import { readInput } from '../input.ts';
import { diffLines } from '../show/baseline-diff.ts';
import type { World } from '../world.ts';

type Options = { readonly from?: number; readonly to?: number };

export function addDiffCommand(baseline: Command, world: World): void {
  baseline
    .command('diff')
    .description('what differs between two versions of a name, or between two files')
    .argument('<name>', 'a name: what is active, and its latest draft; or a file')
    .argument('[file]', 'the other file: then nobody is asked')
    .option('--from <version>', 'this version instead of what is active', readCount)
    .option('--to <version>', 'this version instead of the latest draft', readCount)
    .addHelpText('after', '\nExit status: 0 nothing differs, 1 something does.')
    .action((name: string, file: string | undefined, options: Options, command: Command) =>
      file === undefined
        ? ofVersions(world, name, options, command)
        : ofFiles(world, [name, file], command),
    );
}

const ofVersions = (
  world: World,
  text: string,
  options: Options,
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const name = nameIn(text);
    const { baselines } = await api.baselines(name);
    if (baselines.length === 0) throw new CliError('BASELINE_UNKNOWN', name);
    present(world, command, sidesOf(baselines, options));
  });

async function ofFiles(
  world: World,
  [before, after]: readonly [string, string],
  command: Command,
): Promise<void> {
  present(world, command, [await documentsIn(world, before), await documentsIn(world, after)]);
}

function present(
  world: World,
  command: Command,
  [before, after]: readonly [readonly Baseline[], readonly Baseline[]],
): void {
  const diffs = diffBaselines(before, after);
  if (diffs.length > 0) world.answersNo();
  world.present(command, { documents: diffs }, () => diffLines(diffs));
}

function nameIn(text: string): string {
  try {
    return checkAgainst(Slug, text);
  } catch {
    throw new CliError('BASELINE_UNKNOWN', `${text} is no name; of files there are two`);
  }
}

async function documentsIn(world: World, file: string): Promise<Baseline[]> {
  const text = await readInput(file, world.stdin, BASELINE_YAML_MAX_BYTES);
  try {
    return parseBaselines(text);
  } catch (error) {
    if (!(error instanceof BaselineError)) throw error;
    throw new CliError('BASELINE_MALFORMED_FILE', `${file}: ${error.message}`, error);
  }
}

/** Of each part: what is active, and its latest draft; or what is not active, where only drafts are there, nothing. */
function sidesOf(
  records: readonly BaselineRecord[],
  { from, to }: Options,
): readonly [Baseline[], Baseline[]] {
  const before = records.filter(({ baseline, state }) =>
    from === undefined ? state === 'active' : baseline.version === from,
  );
  const parts = [...new Set(records.map(({ baseline }) => baseline.part))];
  const after = parts.flatMap((part) => {
    const of = records.filter(({ baseline }) => baseline.part === part);
    if (to !== undefined) return of.filter(({ baseline }) => baseline.version === to);
    const newest = of
      .filter(({ state }) => state === 'draft' || state === 'window')
      .toSorted((a, b) => b.baseline.version - a.baseline.version)[0];
    return newest ?? of.filter(({ state }) => state === 'active');
  });
  return [before.map(documentOf), after.map(documentOf)];
}

const documentOf = ({ baseline }: BaselineRecord): Baseline => baseline;
