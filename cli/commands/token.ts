import type { Command } from 'commander';
import type { ApiToken, Role, TokensMade } from '@touchstone/schemas';
import { gatherRoles, readDuration, readName, readUuid } from '../arguments.ts';
import { counted } from '../show/state.ts';
import { table } from '../show/table.ts';
import { faint, type Line } from '../show/text.ts';
import { tokenEnd } from '../show/token-end.ts';
import { intoSecretFile } from '../secret-file.ts';
import type { World } from '../world.ts';

type CreateOptions = {
  readonly name: string;
  readonly person?: string;
  readonly role: readonly Role[];
  readonly ttl?: number;
  readonly out?: string;
};

export function addTokenCommands(program: Command, world: World): void {
  const token = program
    .command('token')
    .description('bearer tokens of the people who operate this');

  token
    .command('create')
    .description('make one; the token is written once, alone, to standard output')
    .requiredOption('--name <name>', 'what to call it', readName)
    .option(
      '--person <name>',
      'whose it is (default: yours); two of one person are one voice',
      readName,
    )
    .requiredOption(
      '--role <role>',
      'viewer, operator, approver, ca-admin; repeatable',
      gatherRoles,
    )
    .option(
      '--ttl <duration>',
      'how long it holds: 24h, 90d (default: until revoked)',
      readDuration,
    )
    .option('--out <file>', 'write the token to this new file instead, for your eyes alone')
    .action((options: CreateOptions, command: Command) => create(world, options, command));

  token
    .command('list')
    .description('every token, without its secret')
    .action((_: object, command: Command) => list(world, command));

  token
    .command('revoke')
    .description('accept a token no more')
    .argument('<id>', 'its id', readUuid)
    .option('--with-created', 'and every token that it made, or that those made')
    .action((id: string, options: { withCreated?: true }, command: Command) =>
      revoke(world, { id, withCreated: options.withCreated === true }, command),
    );
}

const create = (world: World, options: CreateOptions, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { name, person, role, ttl, out } = options;
    const ask = () =>
      api.createToken({
        name,
        ...(person === undefined ? {} : { person }),
        roles: [...role],
        ...(ttl === undefined ? {} : { ttlSeconds: ttl }),
      });
    const created = out === undefined ? await ask() : await intoSecretFile(out, ask);
    const { record } = created;
    world.present(command, out === undefined ? created : { record, file: out }, () =>
      out === undefined ? [created.token] : [`The token is in ${out}.`],
    );
    world.note(
      command,
      faint(
        `Token ${record.id}, ${record.name} of ${record.person}: ${record.roles.join(', ')}. It is not shown again.`,
      ),
    );
  });

const list = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { tokens } = await api.tokens();
    world.present(command, { tokens }, () => listLines(tokens, world));
  });

const revoke = (
  world: World,
  { id, withCreated }: { readonly id: string; readonly withCreated: boolean },
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    if (withCreated) {
      const { record, ...made } = await api.revokeTokenWithMade(id);
      const lines = [revokedLine(record), ...madeLines('It made, and revoked as well', made)];
      world.present(command, { ...record, created: { ...made, revoked: true } }, () => lines);
      return;
    }
    // Before: a token that revokes itself is asked nothing afterwards.
    const made = await api.tokensMadeBy(id).catch(() => null);
    const record = await api.revokeToken(id);
    const created = made === null ? null : { ...made, revoked: false };
    const left = made === null ? [NOT_KNOWN] : madeLines('It made, and they still hold', made);
    world.present(command, { ...record, created }, () => [revokedLine(record), ...left]);
    if (left.length > 1) {
      world.note(
        command,
        faint(`To revoke these too: touchstone token revoke ${id} --with-created`),
      );
    }
  });

/** Nothing keeps a token from being revoked. */
const NOT_KNOWN = 'What it made could not be read; --with-created revokes that too.';

const revokedLine = ({ id, name }: ApiToken): string => `Token ${id} of ${name} is revoked.`;

function madeLines(title: string, { tokens, joinTokens }: TokensMade): Line[] {
  if (tokens.length + joinTokens.length === 0) return [];
  return [
    `${title}:`,
    ...tokens.map(({ id, name, roles }) => `  token ${id} of ${name}: ${roles.join(', ')}`),
    ...joinTokens.map(
      ({ id, usesLeft, approve }) =>
        `  join token ${id}: ${counted(usesLeft, 'host')}${approve ? ', which it approves' : ''}`,
    ),
  ];
}

function listLines(tokens: readonly ApiToken[], world: World): Line[] {
  const rows = tokens.map((token) => [
    token.name,
    token.person,
    tokenEnd(token, world.now(), 'revoked'),
    token.id,
    token.createdAt,
    token.roles.join(','),
  ]);
  return table(['NAME', 'PERSON', 'ENDS', 'ID', 'CREATED', 'ROLES'], rows, world.screen.width);
}
