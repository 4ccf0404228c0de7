import type { Command } from 'commander';
import { type Client, pinnedClient } from '@touchstone/transport';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Input } from './input.ts';
import { type OperatorApi, operatorApi } from './operator-api.ts';
import { type Profile, profilePath, readProfile } from './profile.ts';
import { createScreen, type Output, type Screen } from './screen.ts';
import { type Line, caution } from './show/text.ts';

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
};

export function createWorld(options: RunCliOptions): World {
  const screen = createScreen(options.stdout, options.stderr, options.env);
  const connect = options.connect ?? pinnedClient;
  const pathFor = (command: Command) =>
    profilePath(globalsOf(command).profile, options.env, options.configHome);
  let exit: ExitCode = EXIT.yes;
  return {
    screen,
    answersNo: () => {
      exit = EXIT.no;
    },
    exit: () => exit,
    stdin: options.stdin ?? nothing(),
    now: options.now ?? (() => new Date()),
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
      const profile = await readProfile(pathFor(command));
      const client = connect({ url: profile.server, pin: profile.fingerprint });
      const api = operatorApi(client, profile.token);
      try {
        const quorum = globalsOf(command).json ? undefined : askQuorum(api);
        await work(api, profile);
        if ((await quorum) === 1) screen.note('', QUORUM_OF_ONE);
      } finally {
        await client.close();
      }
    },
  };
}

const QUORUM_OF_ONE: Line = caution(
  'Quorum 1: one person alone can loosen trust in this deployment.',
);

/** The note is worth less than the answer: without it the command still succeeds. */
const askQuorum = (api: OperatorApi): Promise<number | undefined> =>
  api.session().then(
    ({ quorum }) => quorum,
    () => undefined,
  );

export const globalsOf = (command: Command): GlobalOptions =>
  command.optsWithGlobals<GlobalOptions>();

async function* nothing(): Input {}
