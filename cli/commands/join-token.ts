import type { Command } from 'commander';
import type { AssuranceClass, JoinToken, Labels } from '@touchstone/schemas';
import {
  gatherClasses,
  gatherLabels,
  readCount,
  readDuration,
  readName,
  readUuid,
} from '../arguments.ts';
import { until } from '../show/age.ts';
import { classText, counted, labelsText } from '../show/state.ts';
import { table } from '../show/table.ts';
import { faint, type Line, type Span } from '../show/text.ts';
import { tokenEnd } from '../show/token-end.ts';
import { intoSecretFile } from '../secret-file.ts';
import type { World } from '../world.ts';

type CreateOptions = {
  readonly class: readonly AssuranceClass[];
  readonly label?: Labels;
  readonly uses?: number;
  readonly ttl?: number;
  readonly hold?: true;
  readonly host?: string;
  readonly out?: string;
};

export function addJoinTokenCommands(program: Command, world: World): void {
  const joinToken = program
    .command('join-token')
    .description('secrets that let a new host in; without one, a person decides');

  joinToken
    .command('create')
    .description('make one; the token is written once, alone, to standard output')
    .requiredOption('--class <class>', 'admit hosts of this class; repeatable', gatherClasses)
    .option('--label <key=value>', 'give the host this label; repeatable', gatherLabels)
    .option('--host <name>', 'only for the host that enrols under this name', readName)
    .option('--uses <count>', 'how many hosts may use it (default: 1)', readCount)
    .option('--ttl <duration>', 'how long it holds: 30m, 24h, 7d', readDuration)
    .option('--hold', 'let the host in, but keep it pending until a person approves its AK Name')
    .option('--out <file>', 'write the token to this new file instead, for your eyes alone')
    .action((options: CreateOptions, command: Command) => create(world, options, command));

  joinToken
    .command('list')
    .description('every join token and what is left of it')
    .action((_: object, command: Command) => list(world, command));

  joinToken
    .command('revoke')
    .description('let nobody in with it any more')
    .argument('<id>', 'its id', readUuid)
    .action((id: string, _: object, command: Command) => revoke(world, id, command));
}

const create = (world: World, options: CreateOptions, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { label = {}, uses, ttl, out, host } = options;
    const ask = () =>
      api.createJoinToken({
        classes: [...options.class],
        labels: label,
        ...(uses === undefined ? {} : { uses }),
        ...(ttl === undefined ? {} : { ttlSeconds: ttl }),
        ...(host === undefined ? {} : { host }),
        approve: options.hold !== true,
      });
    const created = out === undefined ? await ask() : await intoSecretFile(out, ask);
    const { record } = created;
    world.present(command, out === undefined ? created : { record, file: out }, () =>
      out === undefined ? [created.token] : [`The token is in ${out}.`],
    );
    world.note(command, ...describe(record, world.now()));
  });

const list = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const tokens = await api.joinTokens();
    world.present(command, tokens, () =>
      tokens.tokens.length === 0
        ? ['There are no join tokens. `touchstone join-token create` makes one.']
        : listLines(tokens.tokens, world),
    );
  });

const revoke = (world: World, id: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const record = await api.revokeJoinToken(id);
    world.present(command, record, () => [`Join token ${record.id} is revoked.`]);
  });

const describe = (record: JoinToken, now: Date): Line[] => [
  faint(
    `Join token ${record.id}, for ${record.host ?? counted(record.usesLeft, 'host')} of class ` +
      `${record.classes.map((each) => classText(each)).join(', ')}; ends ${until(record.expiresAt, now)}. ` +
      `${record.approve ? 'It approves the host.' : 'A person still approves the host.'} ` +
      'It is not shown again.',
  ),
];

function listLines(tokens: readonly JoinToken[], world: World): Line[] {
  const rows = tokens.map((token) => [
    token.id,
    stateOf(token, world.now()),
    String(token.usesLeft),
    token.classes.join(','),
    token.approve ? 'approves' : 'holds',
    token.host ?? 'any',
    token.createdBy,
    labelsText(token.labels) || '-',
  ]);
  const titles = ['ID', 'ENDS', 'USES LEFT', 'CLASS', 'IT', 'HOST', 'BY', 'LABELS'];
  return table(titles, rows, world.screen.width);
}

const stateOf = (token: JoinToken, now: Date): Span =>
  token.revokedAt === null && token.usesLeft === 0
    ? faint('used')
    : tokenEnd(token, now, 'revoked');
