import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AssuranceClass, StartAnswer } from '@touchstone/schemas';
import { unixClient } from '@touchstone/transport';
import { inherited } from './inherited.ts';
import { BIN, type Touchstone } from './touchstone.ts';

export type RunOutcome = {
  /** Of `run`, or of the command that took its place; null where a signal ended it. */
  readonly exitCode: number | null;
  /** The codes that `run` gave as its reasons, in their order. */
  readonly codes: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
};

export type Running = { readonly child: ChildProcess; readonly ended: Promise<RunOutcome> };

/** A command that leaves a mark when, and only when, it was started. */
export type Probe = { readonly command: readonly string[]; started(): boolean };

/** A host with the real agent: its bins, a state directory, the software TPM that the agent starts. */
export interface AgentHost {
  readonly name: string;
  readonly hostId: string;
  readonly stateDir: string;
  /** A file that this host measures into PCR 13. */
  readonly configuration: string;
  readonly agentPid: number | undefined;
  tpmPid(): Promise<number | null>;
  /** `touchstone-agent run --vm VM -- COMMAND`, to its end. */
  run(vm: string, command: readonly string[], options?: RunOptions): Promise<RunOutcome>;
  /** `touchstone-agent COMMAND` of this state directory, to its end. */
  command(command: string, ...args: readonly string[]): Promise<RunOutcome>;
  /** `run`, still going. */
  start(vm: string, command: readonly string[], options?: RunOptions): Running;
  /** What the agent answers at its socket to whoever asks to start that. */
  ask(vm: string, command: readonly string[]): Promise<StartAnswer>;
  probe(): Probe;
  stopAgent(signal?: NodeJS.Signals): Promise<void>;
  startAgent(environment?: Readonly<Record<string, string>>): Promise<void>;
  /** Ends the software TPM as a power cut does; the agent, if it runs, is not told. */
  cutPower(): Promise<void>;
  /** Power cut and another boot; `change` is what the configuration then says. */
  reboot(options?: { change?: string }): Promise<void>;
  log(): Promise<string>;
  stop(): Promise<void>;
}

export type RunOptions = {
  readonly stateDir?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  /** Further options of `run`. */
  readonly words?: readonly string[];
};

export type AgentHostOptions = {
  readonly name: string;
  /** What the measured configuration says at first. */
  readonly measure?: string;
  /** Where the server seems to be: the URL of an impostor. */
  readonly server?: string;
  /** Whether an operator captures and approves what it booted. */
  readonly trusted?: boolean;
  /** Further options of `enroll`; a software TPM where they name none, whatever the machine of the test has. */
  readonly enrolWith?: readonly string[];
  /** Further lines of its agent.yaml. */
  readonly config?: string;
  /** Where it looks for what runs; without it at nothing, since the machine's other processes are none of the test's. */
  readonly watch?: Readonly<Record<string, string | number>>;
  /** Words in front of every command of the agent's: of a libvirt host in whose namespaces it lives. */
  readonly within?: readonly string[];
  /** What its join token admits. */
  readonly classes?: AssuranceClass[];
};

/** Enrolled with a token that approves it, trusted by a baseline of its own, its agent running. */
export async function startAgentHost(
  touchstone: Touchstone,
  wanted: AgentHostOptions,
): Promise<AgentHost> {
  const { name, measure = 'nested = no\n', server = touchstone.url, trusted = true } = wanted;
  const { enrolWith = ['--tpm', 'software'], classes = ['software'], within = [] } = wanted;
  const directory = await mkdtemp(join(tmpdir(), 'ts-agent-'));
  const stateDir = join(directory, 'state');
  const configuration = join(directory, 'hypervisor.conf');
  const logFile = join(directory, 'agent.log');
  const running = new Set<ChildProcess>();
  let daemon: ChildProcess | null = null;
  let probes = 0;

  const spawnAgent = (args: readonly string[], options: RunOptions = {}): ChildProcess => {
    const words = [...within, process.execPath, BIN.agent, ...args];
    const child = spawn(words[0] ?? '', words.slice(1), {
      cwd: options.workingDirectory ?? directory,
      env: { ...inherited(), ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // A test run that ends half-way must not leave it running.
    const killAtExit = () => child.kill('SIGKILL');
    process.once('exit', killAtExit);
    running.add(child);
    child.once('exit', () => {
      process.off('exit', killAtExit);
      running.delete(child);
    });
    return child;
  };

  const tpmPid = async (): Promise<number | null> => {
    const text = await readFile(join(stateDir, 'swtpm', 'pid'), 'utf8').catch(() => '');
    const pid = Number(text);
    if (!Number.isInteger(pid) || pid <= 1) return null;
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return words.includes(stateDir) ? pid : null;
  };

  const cutPower = async () => {
    const pid = await tpmPid();
    if (pid === null) return;
    process.kill(pid, 'SIGKILL');
    while (existsSync(`/proc/${pid}`) && (await tpmPid()) !== null) await sleep(5);
  };

  const stopAgent = async (signal: NodeJS.Signals = 'SIGTERM') => {
    await ended(daemon, signal);
    daemon = null;
  };

  const startAgent: AgentHost['startAgent'] = async (environment = {}) => {
    const child = spawnAgent(['daemon', '--state', stateDir], { environment });
    daemon = child;
    child.stderr?.pipe(createWriteStream(logFile, { flags: 'a' }));
    const ready = once(createInterface({ input: child.stdout! }), 'line').then(() => true);
    const over = once(child, 'close').then(() => false);
    if (await Promise.race([ready, over])) return;
    throw new Error(`the agent did not start:\n${await readFile(logFile, 'utf8')}`);
  };

  const stop = async () => {
    await Promise.all([...running].map((child) => ended(child, 'SIGKILL')));
    await cutPower();
    await rm(directory, { recursive: true, force: true });
  };

  const start: AgentHost['start'] = (vm, command, options = {}) => {
    const state = options.stateDir ?? stateDir;
    const child = spawnAgent(
      ['run', '--state', state, '--vm', vm, ...(options.words ?? []), '--', ...command],
      options,
    );
    return { child, ended: outcomeOf(child) };
  };

  try {
    await mkdir(stateDir, { mode: 0o700 });
    await writeFile(configuration, measure);
    const measured = `measure:\n  - { pcr: 13, file: ${configuration} }\n`;
    const nothing = join(directory, 'nothing');
    await mkdir(nothing);
    const unseen = {
      processes: nothing,
      libvirtConfiguration: nothing,
      libvirtState: nothing,
    };
    const watch = wanted.watch ?? (within.length > 0 ? {} : unseen);
    const config = `${wanted.config ?? ''}watch: ${JSON.stringify(watch)}\n`;
    await writeFile(join(stateDir, 'agent.yaml'), measured + config);
    const tokenFile = join(directory, 'join-token');
    const token = await touchstone.joinToken({ labels: { site: name }, classes });
    await writeFile(tokenFile, token, { mode: 0o600 });
    const enrolled = await outcomeOf(
      spawnAgent(
        ['enroll', '--state', stateDir, '--name', name, '--server', server, '--json'].concat(
          ['--fingerprint', touchstone.fingerprint],
          ['--join-token-file', tokenFile],
          enrolWith,
        ),
      ),
    );
    if (enrolled.exitCode !== 0) throw new Error(`${name} did not enrol:\n${enrolled.stderr}`);
    if (trusted) await touchstone.approveBaselineOf(name, name);
    await startAgent();
    const { hostId } = JSON.parse(enrolled.stdout) as { hostId: string };
    return {
      name,
      hostId,
      stateDir,
      configuration,
      get agentPid() {
        return daemon?.pid;
      },
      tpmPid,
      run: (vm, command, options) => start(vm, command, options).ended,
      command: (command, ...args) => outcomeOf(spawnAgent([command, '--state', stateDir, ...args])),
      start,
      ask: async (vm, command) => {
        const client = unixClient({ path: join(stateDir, 'agent.sock') });
        const question = { vm, operation: 'start', workingDirectory: directory, command };
        const body = { ...question, environment: {} };
        try {
          const to = { method: 'POST', path: '/v1/starts', schema: StartAnswer, body } as const;
          return await client.request(to);
        } finally {
          await client.close();
        }
      },
      probe: () => {
        const mark = join(directory, `started-${(probes += 1)}`);
        const command = ['/bin/sh', '-c', `echo started > ${mark}`];
        return { command, started: () => existsSync(mark) };
      },
      stopAgent,
      startAgent,
      cutPower,
      reboot: async ({ change } = {}) => {
        await stopAgent();
        await cutPower();
        if (change !== undefined) await writeFile(configuration, change);
        await startAgent();
      },
      log: () => readFile(logFile, 'utf8'),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function outcomeOf(child: ChildProcess): Promise<RunOutcome> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [exitCode] = (await once(child, 'close')) as [number | null];
  const codes = [...stderr.matchAll(/^ {2}([A-Z][A-Z0-9_]+): /gmu)].map(([, code]) => code ?? '');
  return { exitCode, codes, stdout, stderr };
}

/** SIGKILL where it does not end by itself within 5 s. */
async function ended(child: ChildProcess | null, signal: NodeJS.Signals): Promise<void> {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  const over = once(child, 'exit');
  child.kill(signal);
  const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await over;
  clearTimeout(late);
}
