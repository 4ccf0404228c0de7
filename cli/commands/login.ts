import type { Command } from 'commander';
import type { CaSession, Session, TrustBundle } from '@touchstone/schemas';
import { readFingerprint, readServer } from '../arguments.ts';
import { firstBundleKeyOf, newestBundleOf } from '../audit/result-signature.ts';
import { caOperatorApi } from '../ca-operator-api.ts';
import { CliError } from '../codes.ts';
import { readInput } from '../input.ts';
import { type LoginTokens, readLoginText } from '../login-text.ts';
import { operatorApi } from '../operator-api.ts';
import { type CaLogin, type Profile, readProfile, writeProfile } from '../profile.ts';
import { fields } from '../show/fields.ts';
import { good, type Line } from '../show/text.ts';
import { pinChanged, type World } from '../world.ts';

type Options = {
  readonly server: string;
  readonly fingerprint: string;
  readonly tokenFile?: string;
  readonly caFingerprint?: string;
};

/** What came of it, without the tokens. */
type LoggedIn = {
  readonly profile: Profile;
  readonly session: Session;
  readonly ca: { readonly login: CaLogin; readonly session: CaSession } | undefined;
};

const MAX_TOKEN_BYTES = 4_096;

export function addLoginCommand(program: Command, world: World): void {
  program
    .command('login')
    .description('remember a server, its fingerprint, your token, and that of the CA')
    .requiredOption('--server <url>', "the server's address", readServer)
    .requiredOption('--fingerprint <hex>', 'the fingerprint that `up` printed', readFingerprint)
    .option(
      '--token-file <file>',
      'a file that holds your token; - reads standard input (default: the tokens of the last login there)',
    )
    .option(
      '--ca-fingerprint <hex>',
      'that of the CA, which `up` printed too: any other is refused',
      readFingerprint,
    )
    .action((options: Options, command: Command) => login(world, options, command));
}

/** Nothing is stored before the server, and the CA, each proven by its pin, have accepted their tokens. */
async function login(world: World, options: Options, command: Command): Promise<void> {
  const { server, fingerprint, tokenFile } = options;
  const file = world.profilePath(command);
  const before = await lastLogin(file, server);
  const given =
    tokenFile === undefined
      ? {}
      : readLoginText(await readInput(tokenFile, world.stdin, MAX_TOKEN_BYTES));
  const tokens: LoginTokens = { ...tokensOf(before), ...given };
  if (tokens.server === undefined) {
    throw new CliError('NOT_LOGGED_IN', `The token of the server is neither given nor in ${file}.`);
  }
  const noted = isSameCa(before, fingerprint, tokens) ? before?.ca : undefined;
  const client = world.connect({ url: server, pin: fingerprint });
  try {
    const api = operatorApi(client, tokens.server);
    const session = await api.session();
    const bundleKey = await firstBundleKeyOf(api);
    const ca =
      tokens.ca === undefined
        ? undefined
        : await loginAtCa(world, tokens.ca, pinOfCa(await newestBundleOf(api), options, noted));
    const profile = {
      ...{ server, fingerprint, token: tokens.server, bundleKey },
      ...(ca === undefined ? {} : { ca: ca.login }),
    };
    await writeProfile(file, profile);
    show(world, command, file, { profile, session, ca });
  } finally {
    await client.close();
  }
}

/** Undefined where there is none, none that can be used, or one of another server. */
const lastLogin = (file: string, server: string): Promise<Profile | undefined> =>
  readProfile(file).then(
    (profile) => (profile.server === server ? profile : undefined),
    () => undefined,
  );

const tokensOf = (profile: Profile | undefined): LoginTokens =>
  profile === undefined
    ? {}
    : { server: profile.token, ...(profile.ca === undefined ? {} : { ca: profile.ca.token }) };

/** A deployment that was made anew has another key and other tokens: what was noted of the old one is not held to it. */
const isSameCa = (before: Profile | undefined, fingerprint: string, { ca }: LoginTokens): boolean =>
  before?.fingerprint === fingerprint || (ca !== undefined && before?.ca?.token === ca);

/**
 * Which CA it is, and the key it must hold: the server's word at the first login. Later the server alone changes neither,
 * for by then it may be taken over, and the token would go wherever it says.
 * @throws CliError CA_PIN_CHANGED
 */
function pinOfCa(
  { ca: { url, pin }, tls }: TrustBundle,
  { caFingerprint }: Options,
  noted: CaLogin | undefined,
): Pick<CaLogin, 'url' | 'pin'> {
  if (caFingerprint !== undefined) return { url, pin: caFingerprint };
  const pins = tls?.ca ?? [pin];
  if (noted === undefined) return { url, pin: pins[0] ?? pin };
  if (pins.includes(noted.pin)) return { url, pin: noted.pin };
  const detail = `noted ${noted.pin} at ${noted.url}; the server now names ${pins.join(', ')}`;
  throw new CliError('CA_PIN_CHANGED', detail);
}

async function loginAtCa(
  world: World,
  token: string,
  { url, pin }: Pick<CaLogin, 'url' | 'pin'>,
): Promise<NonNullable<LoggedIn['ca']>> {
  const client = world.connect({ url, pin });
  try {
    const session = await caOperatorApi(client, token).session();
    return { login: { url, pin, token }, session };
  } catch (error) {
    throw pinChanged(error);
  } finally {
    await client.close();
  }
}

function show(world: World, command: Command, file: string, loggedIn: LoggedIn): void {
  const { profile, session, ca } = loggedIn;
  const { server, fingerprint, bundleKey } = profile;
  const answer = {
    ...{ server, fingerprint, bundleKey, file, session },
    ...(ca === undefined
      ? {}
      : { ca: { url: ca.login.url, pin: ca.login.pin, session: ca.session } }),
  };
  world.present(command, answer, (): Line[] => [
    good(`Logged in as ${session.name}.`),
    ...fields(
      [
        ['server', server],
        ['person', session.person],
        ['roles', session.roles.join(', ') || 'none'],
        ['quorum', String(session.quorum)],
        ['CA', ca === undefined ? 'not logged in: no token of the CA was given' : ca.login.url],
        ['there as', ca === undefined ? undefined : `${ca.session.name}, ${ca.session.role}`],
        ['stored in', file],
      ],
      { indent: 2, width: world.screen.textWidth },
    ),
  ]);
}
