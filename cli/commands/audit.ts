import { type Command, InvalidArgumentError } from 'commander';
import type { AuditEntry } from '@touchstone/schemas';
import { type AuditWalk, walkAudit } from '../audit-chain.ts';
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
    .description('whether each line of the log follows from the one before')
    .option('--noted <sequence:hash>', 'and that it still holds this line, noted before', readNoted)
    .action((options: { noted?: Noted }, command: Command) =>
      verify(world, options.noted, command),
    );
}

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

/** The server keeps the log, so it is walked here and not there. */
const verify = (world: World, noted: Noted | undefined, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
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
    world.present(command, { ...walk, holdsNoted, whole }, () => walkLines(walk, holdsNoted));
    if (!whole) world.answersNo();
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
