import type { Command } from 'commander';
import { readFingerprint, readServer } from '../arguments.ts';
import { firstBundleKeyOf } from '../audit/result-signature.ts';
import { readInput } from '../input.ts';
import { operatorApi } from '../operator-api.ts';
import { writeProfile } from '../profile.ts';
import { fields } from '../show/fields.ts';
import { good } from '../show/text.ts';
import { checkToken } from '../token.ts';
import type { World } from '../world.ts';

type Options = {
  readonly server: string;
  readonly fingerprint: string;
  readonly tokenFile: string;
};

const MAX_TOKEN_BYTES = 4_096;

export function addLoginCommand(program: Command, world: World): void {
  program
    .command('login')
    .description('remember a server, its fingerprint and your token')
    .requiredOption('--server <url>', "the server's address", readServer)
    .requiredOption('--fingerprint <hex>', 'the fingerprint that `up` printed', readFingerprint)
    .requiredOption('--token-file <file>', 'a file that holds your token; - reads standard input')
    .action((options: Options, command: Command) => login(world, options, command));
}

/** Nothing is stored before the server, proven by its pin, has accepted the token. */
async function login(world: World, options: Options, command: Command): Promise<void> {
  const { server, fingerprint } = options;
  const token = checkToken(await readInput(options.tokenFile, world.stdin, MAX_TOKEN_BYTES));
  const client = world.connect({ url: server, pin: fingerprint });
  try {
    const api = operatorApi(client, token);
    const session = await api.session();
    const bundleKey = await firstBundleKeyOf(api);
    const file = world.profilePath(command);
    await writeProfile(file, { server, fingerprint, token, bundleKey });
    world.present(command, { server, fingerprint, bundleKey, file, session }, () => [
      good(`Logged in as ${session.name}.`),
      ...fields(
        [
          ['server', server],
          ['person', session.person],
          ['roles', session.roles.join(', ') || 'none'],
          ['quorum', String(session.quorum)],
          ['stored in', file],
        ],
        { indent: 2, width: world.screen.textWidth },
      ),
    ]);
  } finally {
    await client.close();
  }
}
