import { type Command, InvalidArgumentError } from 'commander';
import type { AuditEntry } from '@touchstone/schemas';
import { readCount, readTime, readUuid } from '../arguments.ts';
import { type AuditWalk, walkAudit } from '../audit/audit-chain.ts';
import { CliError } from '../codes.ts';
import type { OperatorApi } from '../operator-api.ts';
import { counted } from '../show/state.ts';
import { table } from '../show/table.ts';
import { bad, faint, good, type Line } from '../show/text.ts';
import type { World } from '../world.ts';

/** A line of the log as somebody noted it before: `SEQUENCE:HASH`. */
type Noted = { readonly sequence: number; readonly hash: string };

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

type VerifyOptions = { readonly noted?: Noted; readonly since?: string; readonly limit: number };

const list = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const audit = await api.audit();
    world.present(command, audit, () =>
      table(
        ['NO', 'AT', 'WHO', 'WHAT', 'ON', 'DETAIL'],
        audit.entries.map(({ sequence, at, actor, action, subject, detail }) => [
          String(sequence),
          at,
          actor,
          action,
          subject,
          detail,
        ]),
        world.screen.width,
      ),
    );
    if (audit.nextCursor !== undefined) world.note(command, faint('There are earlier lines.'));
  });

/** The server keeps log and verdicts, so they are walked and made again here and not there. */
const verify = (
  world: World,
  { noted, since, limit }: VerifyOptions,
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api, { bundleKey }) => {
    const entries = await wholeLog(api, (lines) =>
      world.note(command, faint(`${counted(lines, 'line')} read`)),
    );
    const walk = walkAudit(entries);
    if (walk === null) throw new CliError('AUDIT_EMPTY');
    const holdsNoted =
      noted === undefined
        ? null
        : entries.some(({ sequence, hash }) => sequence === noted.sequence && hash === noted.hash);
    const whole = walk.brokenAt === null && holdsNoted !== false;
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

/** Lines that come while it is read are on a page that was read before; they wait for the next time. */
async function wholeLog(
  api: OperatorApi,
  onProgress: (lines: number) => void,
): Promise<AuditEntry[]> {
  const pages: AuditEntry[][] = [];
  let lines = 0;
  let cursor: string | undefined;
  do {
    const page = await api.audit(cursor);
    const [earliest] = pages[0] ?? [];
    const latest = page.entries.at(-1);
    // A log that does not go back has no beginning.
    const goesBack = latest !== undefined && latest.sequence < (earliest?.sequence ?? Infinity);
    if (page.nextCursor !== undefined && !goesBack) throw new CliError('LIST_TOO_LONG');
    pages.unshift(page.entries);
    lines += page.entries.length;
    if (pages.length % 100 === 0) onProgress(lines);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return pages.flat();
}

function walkLines({ from, to, head, brokenAt }: AuditWalk, holdsNoted: boolean | null): Line[] {
  const chain: Line =
    brokenAt === null
      ? [good('whole'), `  lines ${from} to ${to}: each follows from the one before`]
      : [bad('broken'), `  line ${brokenAt} does not follow from the one before`];
  const earlier = from === 1 ? [] : [faint(`Lines before ${from} are no longer kept.`)];
  if (holdsNoted === false) {
    return [chain, ...earlier, [bad('changed'), '  the line that was noted is not there']];
  }
  return [chain, ...earlier, ['Note this for the next time:  ', `--noted ${to}:${head}`]];
}

function readNoted(text: string): Noted {
  const [, sequence, hash] = /^([1-9][0-9]{0,14}):([0-9a-f]{64})$/u.exec(text) ?? [];
  if (sequence === undefined || hash === undefined) {
    throw new InvalidArgumentError(
      'Expected SEQUENCE:HASH as `touchstone audit verify` prints it.',
    );
  }
  return { sequence: Number(sequence), hash };
}
