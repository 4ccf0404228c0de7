import { access, constants, type FileHandle, open } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DiskName, type Finding, StartAnswer } from '@touchstone/schemas';
import { unixClient } from '@touchstone/transport';
import { agentError, refusalFinding } from './codes.ts';
import { withEphemeralRoot } from './gate/ephemeral-root.ts';
import { pathFrom } from './gate/path-from.ts';
import { launchEnvironment, steadyEnvironment } from './launch-environment.ts';
import { requireOwnDirectory } from './state/state-directory.ts';

/** Hashing large disks takes its time; the agent bounds everything after that by itself. */
const ANSWER_TIMEOUT_MS = 300_000;

/** Of perl-base, which every Debian has. */
const PERL = '/usr/bin/perl';
const START_WITH_KEYS = fileURLToPath(new URL('keys/start-with-keys.pl', import.meta.url));

type Asked = {
  readonly socketPath: string;
  readonly vm: string;
  readonly command: readonly string[];
  /** A disk that runs on an overlay which is thrown away. */
  readonly ephemeralRoot?: DiskName | undefined;
  readonly workingDirectory: string;
  readonly searchPath: string;
};

export type RunInput = Asked & {
  /** Of this process, whose place the command takes. */
  readonly pid: number;
  /** What of the caller's environment the command is to have. */
  readonly named: Readonly<Record<string, string>>;
};

/** For a command that somebody else executes, with this environment. */
export type AskInput = Asked & {
  readonly environment: Readonly<Record<string, string | undefined>>;
};

export type Launch = {
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
};

export type RunDecision =
  | { readonly start: true; readonly launch: Launch }
  | { readonly start: false; readonly findings: readonly Finding[]; readonly unavailable: boolean };

/**
 * Asks the agent whether the command may start the VM. Only an answer that says `permitted`, for this
 * VM, is a yes; no agent, no answer and any other answer are a no.
 */
export function askToRun(input: RunInput): Promise<RunDecision> {
  const { pid, named } = input;
  return decide(input, { pid, environment: launchEnvironment(named) });
}

/** The same before somebody else starts it. Keys are for a process that starts the VM itself. */
export async function askForOther(input: AskInput): Promise<RunDecision> {
  return decide(input, { door: 'systemd', environment: steadyEnvironment(input.environment) });
}

async function decide(
  input: Asked,
  by: { readonly environment: Record<string, string> } & (
    { readonly door: 'systemd' } | { readonly pid: number }
  ),
): Promise<RunDecision> {
  const client = unixClient({ path: input.socketPath, timeoutMs: ANSWER_TIMEOUT_MS });
  const [program = '', ...rest] = input.command;
  try {
    await requireOwnDirectory(dirname(input.socketPath));
    const path = await programPath(program, input);
    const { ephemeralRoot, vm, workingDirectory } = input;
    const { environment } = by;
    const given: [string, ...string[]] = [path, ...rest];
    const command =
      ephemeralRoot === undefined
        ? given
        : await withEphemeralRoot(given, ephemeralRoot, workingDirectory);
    const answer = await client.request({
      method: 'POST',
      path: '/v1/starts',
      body: { ...by, vm, operation: 'start', workingDirectory, command },
      schema: StartAnswer,
    });
    if (answer.decision === 'permitted' && answer.vm === vm) {
      const launch = { command, environment };
      if (answer.sealed === undefined) return { start: true, launch };
      if ('door' in by) throw agentError('SEALED_NEEDS_RUN', { detail: answer.sealed.join(', ') });
      return {
        start: true,
        launch: await withKeys(launch, input, { ...answer, sealed: answer.sealed }),
      };
    }
    const findings =
      answer.decision === 'refused'
        ? answer.findings
        : [refusalFinding(agentError('PERMIT_UNEXPECTED'), `VM ${answer.vm}`)];
    return { start: false, findings, unavailable: false };
  } catch (cause) {
    const unreachable = cause instanceof Error && 'code' in cause && cause.code === 'UNREACHABLE';
    const error = unreachable
      ? agentError('AGENT_UNAVAILABLE', { detail: input.socketPath, cause })
      : cause;
    return {
      start: false,
      findings: [refusalFinding(error, `VM ${input.vm}`)],
      unavailable: unreachable,
    };
  } finally {
    await client.close();
  }
}

/** The keys come by another program: Node hands no pipe on through execve(2). */
async function withKeys(
  { command, environment }: Launch,
  { socketPath }: Asked,
  { permitId, sealed }: { readonly permitId: string; readonly sealed: readonly string[] },
): Promise<Launch> {
  if (!(await isExecutable(PERL))) throw agentError('LAUNCHER_MISSING', { detail: PERL });
  return {
    command: [PERL, '-T', START_WITH_KEYS, socketPath, permitId, sealed.join(','), ...command],
    environment,
  };
}

/** As a shell finds it, but once and for all: what is asked about is what is started. */
async function programPath(program: string, input: Asked): Promise<string> {
  const paths = program.includes('/')
    ? [pathFrom(input.workingDirectory, program)]
    : input.searchPath
        .split(delimiter)
        .filter(isAbsolute)
        .map((directory) => join(directory, program));
  for (const path of paths) if (await isExecutable(path)) return path;
  throw agentError('DEFINITION_UNREADABLE', {
    detail: `${program}: no program that can be executed`,
  });
}

/** Looked at before the question: execve(2) of anything else is the end of this process, by SIGABRT. */
async function isExecutable(path: string): Promise<boolean> {
  let file: FileHandle | undefined;
  try {
    await access(path, constants.X_OK);
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) return false;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    const start = buffer.toString('latin1', 0, bytesRead);
    return start === '\u007fELF' || start.startsWith('#!');
  } catch {
    return false;
  } finally {
    await file?.close();
  }
}
