import type { Command } from 'commander';
import { AppError, type Client, pinnedClient } from '@touchstone/transport';
import { type CaOperatorApi, caOperatorApi } from './ca-operator-api.ts';
import { CliError } from './codes.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Input } from './input.ts';
import { type OperatorApi, operatorApi } from './operator-api.ts';
import { followServerKey } from './follow-server-key.ts';
import { type Profile, profilePath, readProfile, writeProfile } from './profile.ts';
import { createScreen, type Output, type Screen } from './screen.ts';
import { caution, faint, type Line } from './show/text.ts';

/** Everything that the command touches outside itself. */
export type RunCliOptions = {
  /** What follows the command's own name. */
  readonly argv: readonly string[];
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin?: Input;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** $XDG_CONFIG_HOME, or ~/.config. */
  readonly configHome: string;
  readonly now?: () => Date;
  readonly connect?: Connect;
};

export type Connect = (target: { readonly url: string; readonly pin: string }) => Client;

export type GlobalOptions = { readonly json?: true; readonly profile?: string };

/** What a subcommand works with. */
export type World = {
  readonly screen: Screen;
  readonly stdin: Input;
  readonly now: () => Date;
  readonly connect: Connect;
  profilePath(command: Command): string;
  /** Shows an answer: whole as JSON where that was asked for, else the lines for people. */
  present(command: Command, answer: unknown, lines: () => Iterable<Line>): void;
  /** The same where the JSON is a text whose bytes count. */
  presentText(command: Command, json: string, lines: () => Iterable<Line>): void;
  /** Says that what was asked has the answer no, which the exit status then tells too. */
  answersNo(): void;
  /** The exit status of a command that ended well. */
  exit(): ExitCode;
  /** Says something beside the answer, to people only. */
  note(command: Command, ...lines: readonly Line[]): void;
  /** Runs `work` with the operator's own connection to the server. */
  asOperator(
    command: Command,
    work: (api: OperatorApi, profile: Profile) => Promise<void>,
  ): Promise<void>;
  /**
   * Runs `work` with the operator's own connection to the CA, whose token and pin are others than the server's.
   * @throws CliError CA_NOT_LOGGED_IN, CA_PIN_CHANGED
   */
  asCaOperator(
    command: Command,
    work: (api: CaOperatorApi, profile: Profile) => Promise<void>,
  ): Promise<void>;
  /** Whether this login has a token of the CA. */
  hasCaLogin(command: Command): Promise<boolean>;
};

export function createWorld(options: RunCliOptions): World {
  const screen = createScreen(options.stdout, options.stderr, options.env);
  const connect = options.connect ?? pinnedClient;
  const pathFor = (command: Command) =>
    profilePath(globalsOf(command).profile, options.env, options.configHome);
  let exit: ExitCode = EXIT.yes;
  const now = options.now ?? (() => new Date());
  const runAs = async (
    profile: Profile,
    command: Command,
    work: Parameters<World['asOperator']>[1],
  ): Promise<'done' | { readonly mismatch: unknown }> => {
    const client = connect({ url: profile.server, pin: profile.fingerprint });
    let answered = false;
    const request: Client['request'] = async (asked) => {
      const answer = await client.request(asked);
      answered = true;
      return answer;
    };
    const api = operatorApi({ request, close: () => client.close() }, profile.token);
    try {
      const session = globalsOf(command).json ? undefined : askSession(api);
      await work(api, profile);
      const { quorum, observedUntil } = (await session) ?? {};
      if (quorum === 1) screen.note('', QUORUM_OF_ONE);
      if (observedUntil !== undefined) screen.note('', observesNote(observedUntil));
      return 'done';
    } catch (mismatch) {
      const { code } = mismatch as { code?: unknown };
      if (code === 'PIN_MISMATCH' && !answered) return { mismatch };
      throw mismatch;
    } finally {
      await client.close();
    }
  };
  return {
    screen,
    answersNo: () => {
      exit = EXIT.no;
    },
    exit: () => exit,
    stdin: options.stdin ?? nothing(),
    now,
    connect,
    profilePath: pathFor,
    present: (command, answer, lines) => {
      if (globalsOf(command).json) screen.printJson(answer);
      else screen.print(...lines());
    },
    presentText: (command, json, lines) => {
      if (globalsOf(command).json) screen.printText(json);
      else screen.print(...lines());
    },
    note: (command, ...lines) => {
      if (!globalsOf(command).json) screen.note(...lines);
    },
    asOperator: async (command, work) => {
      const file = pathFor(command);
      const profile = await readProfile(file);
      const asked = await runAs(profile, command, work);
      if (asked === 'done') return;
      // The server shows another key, and nothing was asked of it. Its trust bundles may say why.
      const followed = await followServerKey(profile, now());
      if (followed === null) throw asked.mismatch;
      await writeProfile(file, followed);
      if (!globalsOf(command).json) {
        const { server, fingerprint } = followed;
        screen.note(
          faint(`${server} has another TLS key, as its trust bundle says: ${fingerprint}`),
        );
      }
      const again = await runAs(followed, command, work);
      if (again !== 'done') throw again.mismatch;
    },
    asCaOperator: async (command, work) => {
      const profile = await readProfile(pathFor(command));
      const { ca } = profile;
      if (ca === undefined) throw new CliError('CA_NOT_LOGGED_IN');
      const client = connect({ url: ca.url, pin: ca.pin });
      const api = caOperatorApi(client, ca.token);
      try {
        const session = globalsOf(command).json ? undefined : askSession(api);
        await work(api, profile);
        if ((await session)?.quorum === 1) screen.note('', CA_QUORUM_OF_ONE);
      } catch (error) {
        throw pinChanged(error);
      } finally {
        await client.close();
      }
    },
    hasCaLogin: async (command) => (await readProfile(pathFor(command))).ca !== undefined,
  };
}

const QUORUM_OF_ONE: Line = caution(
  'Quorum 1: one person alone can loosen trust in this deployment.',
);

const CA_QUORUM_OF_ONE: Line = caution(
  'Quorum 1: one person alone can loosen what the CA of this deployment believes.',
);

const observesNote = (until: string): Line =>
  caution(`Observe mode until ${until}: no VM start is refused. touchstone gate show`);

/** Notes are worth less than the answer: without them the command still succeeds. */
const askSession = <T>(api: { session(): Promise<T> }): Promise<T | undefined> =>
  api.session().catch(() => undefined);

/** What the CA is held to was noted at login; nothing but another login changes it. */
export const pinChanged = (error: unknown): unknown =>
  error instanceof AppError && error.code === 'PIN_MISMATCH'
    ? new CliError('CA_PIN_CHANGED', error.detail, error)
    : error;

export const globalsOf = (command: Command): GlobalOptions =>
  command.optsWithGlobals<GlobalOptions>();

async function* nothing(): Input {}
