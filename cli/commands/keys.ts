import { Argument, type Command } from 'commander';
import type { KeyUse } from '@touchstone/schemas';
import { keyLines } from '../show/keys.ts';
import { CliError } from '../codes.ts';
import { good } from '../show/text.ts';
import type { World } from '../world.ts';

const DEFAULT_REASON = 'asked for by an operator';

export function addKeysCommands(program: Command, world: World): void {
  const keys = program
    .command('keys')
    .description('what the server signs with, and what hosts have to know of it');

  keys
    .command('list')
    .description('the keys of now and next, and which hosts do not know the newest yet')
    .action((_: object, command: Command) => list(world, command));

  keys
    .command('rotate')
    .description(
      'make the next key now; it signs once hosts know it (`rotate tls`: where `up` runs)',
    )
    .addArgument(new Argument('<use>', 'what it signs').choices(['result', 'permit', 'release']))
    .option('--reason <text>', 'for the audit log', DEFAULT_REASON)
    .action((use: KeyUse, { reason }: { reason: string }, command: Command) =>
      rotate(world, { use, reason }, command),
    );

  keys
    .command('replace-bundle-key')
    .description(
      'the key that signs trust bundles is lost: the CA vouches for the server’s new one',
    )
    .requiredOption('--reason <text>', 'for the audit logs of the CA and the server')
    .action(({ reason }: { reason: string }, command: Command) =>
      replaceBundleKey(world, reason, command),
    );
}

const replaceBundleKey = (world: World, reason: string, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const { bundleKey } = await api.keys();
    if (bundleKey.signs) throw new CliError('BUNDLE_KEY_THERE', `key ${bundleKey.held.kid}`);
    await world.asCaOperator(command, async (ca) => {
      const certified = await ca.certifyBundleKey({ jwk: bundleKey.held, reason });
      const answer = await api.takeBundleKeyCertificate(certified);
      const { width, textWidth } = world.screen;
      world.present(command, answer, () => [
        good(`Hosts that follow take key ${bundleKey.held.kid} by the CA's word.`),
        'A host that is away for more than 30 days needs `touchstone-agent trust` there.',
        '',
        ...keyLines(answer, { now: world.now(), width, textWidth }),
      ]);
    });
  });

const list = (world: World, command: Command): Promise<void> =>
  world.asOperator(command, async (api) => {
    const answer = await api.keys();
    const { width, textWidth } = world.screen;
    world.present(command, answer, () => keyLines(answer, { now: world.now(), width, textWidth }));
  });

const rotate = (
  world: World,
  { use, reason }: { readonly use: KeyUse; readonly reason: string },
  command: Command,
): Promise<void> =>
  world.asOperator(command, async (api) => {
    const answer = await api.rotateKey(use, { reason });
    const { width, textWidth } = world.screen;
    world.present(command, answer, () => keyLines(answer, { now: world.now(), width, textWidth }));
  });
