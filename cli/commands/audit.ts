import type { Command } from 'commander';
import { type NotedLine, readCount, readNoted, readTime, readUuid } from '../arguments.ts';
import { listLog, walkLog } from '../audit/walked-log.ts';
import { walkLines } from '../show/audit.ts';
import { counted } from '../show/state.ts';
import { faint } from '../show/text.ts';
import type { World } from '../world.ts';

export function addAuditCommands(program: Command, world: World): void {
  const audit = program.command('audit').description('who did what');

  audit
    .command('list')
    .description('the audit log')
    .action((_: object, command: Command) => list(world, command));

  audit
    .command('verify')
    .description(
      'whether each line of the log follows from the one before, and each verdict from what it was made from',
    )
    .option('--noted <sequence:hash>', 'and that it still holds this line, noted before', readNoted)
    .option('--since <time>', 'make verdicts again from this time on only', readTime)
    .option(
      '--limit <number>',
      'make so many verdicts again, the latest days first',
      readCount,
      1_000,
    )
    .action((options: VerifyOptions, command: Command) => verify(world, options, command));

  audit
    .command('export')
    .description('what a verdict was made from, as two files for `touchstone appraise`')
    .argument('<verdict>', 'its id, as `audit verify` and the signed result name it', readUuid)
    .argument('<directory>', 'where to write evidence.json and context.json')
    .action((id: string, directory: string, _: object, command: Command) =>
      exportVerdict(world, id, directory, command),
    );
}

type VerifyOptions = {
  readonly noted?: NotedLine;
  readonly since?: string;
  readonly limit: number;
};

const list = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, (api) => listLog(api, world, command));

/** The server keeps log and verdicts, so they are walked and made again here and not there. */
const verify = (
  world: World,
  { noted, since, limit }: VerifyOptions,
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api, { bundleKey }) => {
    const { entries, walk, holdsNoted, whole } = await walkLog(api, noted, world, command);
    // Only here: it brings the rooms that appraise with it.
    const { deriveVerdicts } = await import('../audit/derive-verdicts.ts');
    const { derivedLines } = await import('../show/derived-verdicts.ts');
    const verdicts = await deriveVerdicts(api, entries, { since, limit, bundleKey }, (looked) =>
      world.note(command, faint(`${counted(looked, 'verdict')} made again`)),
    );
    world.present(command, { ...walk, holdsNoted, whole, verdicts }, () => [
      ...walkLines(walk, holdsNoted),
      ...derivedLines(verdicts),
    ]);
    if (bundleKey === undefined) world.note(command, faint(LOGIN_AGAIN));
    if (!whole || verdicts.differ.length > 0) world.answersNo();
  });

const LOGIN_AGAIN =
  'This login noted no bundle key, so that the keys of results are believed: log in again.';

/** As they are stored, whether or not they still give the verdict: that is for `appraise` to say. */
const exportVerdict = (
  world: World,
  id: string,
  directory: string,
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { exportFiles } = await import('../audit/export-files.ts');
    const written = await exportFiles(api, id, directory);
    world.present(command, written, () => [
      ['evidence  ', written.evidence],
      ['context   ', written.context],
      ['outcome   ', written.outcome],
      faint(`touchstone appraise --evidence ${written.evidence} --context ${written.context}`),
    ]);
  });
