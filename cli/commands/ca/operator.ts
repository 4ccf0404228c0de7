import type { Command } from 'commander';
import type { CaOperator, CaRole } from '@touchstone/schemas';
import { readCaRole, readDuration, readName, readUuid } from '../../arguments.ts';
import { table } from '../../show/table.ts';
import { faint, type Line } from '../../show/text.ts';
import { tokenEnd } from '../../show/token-end.ts';
import { intoSecretFile } from '../../secret-file.ts';
import type { World } from '../../world.ts';

type AddOptions = {
  readonly name: string;
  readonly person?: string;
  readonly role: CaRole;
  readonly ttl?: number;
  readonly out?: string;
};

/** Tokens of the CA's own: those of the server command nothing there. */
export function addCaOperatorCommands(ca: Command, world: World): void {
  const operator = ca.command('operator').description('who commands the CA: its own tokens');

  operator
    .command('list')
    .description('every token of the CA that holds, without its secret')
    .option('--all', 'those too that have ended')
    .action(({ all }: { all?: true }, command: Command) => list(world, all === true, command));

  operator
    .command('add')
    .description('make one; the token is written once, alone, to standard output')
    .requiredOption('--name <name>', 'what to call it', readName)
    .option(
      '--person <name>',
      'whose it is (default: yours); two of one person are one voice',
      readName,
    )
    .option('--role <role>', 'operator, or viewer, who only reads', readCaRole, 'operator')
    .option(
      '--ttl <duration>',
      'how long it holds: 24h, 90d (default: until removed)',
      readDuration,
    )
    .option('--out <file>', 'write the token to this new file instead, for your eyes alone')
    .action((options: AddOptions, command: Command) => add(world, options, command));

  operator
    .command('remove')
    .description('accept a token of the CA no more')
    .argument('<id>', 'its id', readUuid)
    .action((id: string, _: object, command: Command) => remove(world, id, command));
}

const list = (world: World, all: boolean, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const answer = await api.operators(all);
    world.present(command, answer, () => listLines(answer.operators, world));
  });

const add = (world: World, options: AddOptions, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const { name, person, role, ttl, out } = options;
    const ask = () =>
      api.addOperator({
        ...{ name, role },
        ...(person === undefined ? {} : { person }),
        ...(ttl === undefined ? {} : { ttlSeconds: ttl }),
      });
    const created = out === undefined ? await ask() : await intoSecretFile(out, ask);
    const { record } = created;
    world.present(command, out === undefined ? created : { record, file: out }, () =>
      out === undefined ? [created.token] : [`The token is in ${out}.`],
    );
    const whose = `Token ${record.id}, ${record.name} of ${record.person}: ${record.role} at the CA.`;
    world.note(command, faint(`${whose} It is not shown again.`), faint(HOW_TO_USE));
  });

const HOW_TO_USE =
  'Whoever gets it logs in with it beside a token of the server, joined by a dot: tst_….tsc_…';

const remove = (world: World, id: string, command: Command): Promise<void> =>
  world.asCaOperator(command, async (api) => {
    const record = await api.removeOperator(id);
    world.present(command, record, () => [
      `Token ${record.id}, ${record.name} of ${record.person}, is accepted no more.`,
    ]);
  });

function listLines(operators: readonly CaOperator[], world: World): Line[] {
  const rows = operators.map((operator) => [
    ...[operator.name, operator.person, operator.role, tokenEnd(operator, world.now(), 'removed')],
    ...[operator.id, operator.createdAt],
  ]);
  return table(['NAME', 'PERSON', 'ROLE', 'ENDS', 'ID', 'MADE'], rows, world.screen.width);
}
