import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import {
  AK_KINDS,
  checkAgainst,
  DiskName,
  EK_KINDS,
  HttpsUrl,
  SchemaError,
  Sha256Hex,
  Slug,
  Uuid,
} from '@touchstone/schemas';
import type { TSchema } from 'typebox';
import { askCommand } from './commands/ask.ts';
import { attestCommand } from './commands/attest.ts';
import { courierCommand, type CourierOptions } from './commands/courier.ts';
import { doctorCommand } from './commands/doctor.ts';
import { enrolCommand, type EnrolOptions } from './commands/enroll.ts';
import { statusCommand } from './commands/status.ts';
import { trustCommand, type TrustOptions } from './commands/trust.ts';
import type { InstallHookOptions } from './commands/install-hook.ts';
import { EXIT, exitCodeOf } from './exit-code.ts';
import { reportError, reportRefusal } from './report.ts';
import { askToRun } from './run.ts';
import { type AgentSurroundings, socketPathOf } from './surroundings.ts';
import { withState } from './with-state.ts';

/** `touchstone-agent`: argv to exit code. DESIGN section 8. */
export function createAgentProgram(
  surroundings: AgentSurroundings,
): (argv: readonly string[]) => Promise<number> {
  return async (argv) => {
    let exitCode: number = EXIT.yes;
    const program = commands(surroundings, (code) => {
      exitCode = code;
    });
    try {
      await program.parseAsync([...argv], { from: 'user' });
      return exitCode;
    } catch (error) {
      if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.yes : EXIT.usage;
      surroundings.stderr.write(`${reportError(error)}\n`);
      return exitCodeOf(error);
    }
  };
}

function commands(surroundings: AgentSurroundings, exit: (code: number) => void): Command {
  const { stdout, stderr, defaultStateDir } = surroundings;
  const program = new Command('touchstone-agent')
    .description('The attester of a hypervisor: it proves what was booted, and gates VM starts.')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
    });
  const state = () =>
    new Option('--state <dir>', 'state directory of this agent').default(defaultStateDir);

  program
    .command('enroll')
    .description('prove this host’s TPM to the CA and enrol it at the server')
    .requiredOption('--server <url>', 'the server, as `touchstone up` printed it', as(HttpsUrl))
    .requiredOption(
      '--fingerprint <hex>',
      'SHA-256 of the server’s TLS key, as `up` printed it',
      as(Sha256Hex),
    )
    .option('--join-token-file <file>', 'a join token; without one an operator has to approve')
    .option('--name <name>', 'name of this host', as(Slug), slugOf(surroundings.defaultName))
    .option(
      '--tpm <device>',
      'the TPM’s device, or `software`; without it the machine’s own TPM, and a software TPM where there is none',
      tpmName,
    )
    .addOption(new Option('--ek <kind>', 'enrol with the EK of this kind').choices(EK_KINDS))
    .option(
      '--ek-certificate <file>',
      'the EK’s certificate (PEM or DER) where the TPM has none, and those above it. May be given again',
      (file: string, before: readonly string[] | undefined) => [...(before ?? []), file],
    )
    .addOption(
      new Option('--ak <kind>', 'attestation key; ecc-p256 where it is not given').choices(
        AK_KINDS,
      ),
    )
    .option('--json', 'machine-readable output')
    .addOption(state())
    .action((options: EnrolOptions) => enrolCommand(surroundings, options));

  program
    .command('daemon')
    .description('attest at each interval and answer the start gate, until stopped')
    .option(
      '--courier <socket>',
      'the courier’s socket; without it the agent starts one of its own',
    )
    .addOption(state())
    .action((options: DaemonOptions) => daemonCommand(surroundings, options));

  program
    .command('courier')
    .description(
      'carry what the agent asks to its server and CA and back, without a key of its own',
    )
    .requiredOption('--socket <path>', 'where the agent finds it')
    .option('--group', 'the socket’s group may connect to it, too')
    .option('--as <uid:gid>', 'go on as that user once all is opened')
    .option('--attached', 'end when standard input does')
    .action((options: CourierOptions) => courierCommand(surroundings, options));

  program
    .command('run')
    .description('start a VM’s command if, and only if, the server permits it now')
    .requiredOption('--vm <uuid>', 'UUID of the VM’s record at the server', as(Uuid))
    .option(
      '--env <name>',
      'pass this variable on; the command has no other of yours. May be given again',
      namedOf(surroundings.environment),
    )
    .option(
      '--ephemeral-root <disk>',
      'this disk (disk0, disk1 ...) runs on an overlay that is thrown away; the image stays as it is',
      as(DiskName),
    )
    .addOption(state())
    .passThroughOptions()
    .argument('<command...>', 'the command, after --')
    .action(async (command: string[], options: RunOptions) => {
      exit(await runCommand(surroundings, options, command));
    });

  program
    .command('ask')
    .description('exit code 0 if, and only if, the command may start the VM now: for ExecStartPre=')
    .requiredOption('--vm <uuid>', 'UUID of the VM’s record at the server', as(Uuid))
    .addOption(state())
    .passThroughOptions()
    .argument('<command...>', 'the command of ExecStart=, after --')
    .action(async (command: string[], options: { state: string; vm: string }) => {
      exit(await askCommand(surroundings, options, command));
    });

  program
    .command('status')
    .description('what the running agent knows of this host')
    .option('--json', 'machine-readable output')
    .addOption(state())
    .action((options: { state: string; json?: true }) => statusCommand(surroundings, options));

  program
    .command('attest')
    .description(
      'attest once, now, and print the verdict: exit code 0 if the host is trusted, else 1',
    )
    .option('--json', 'machine-readable output')
    .addOption(state())
    .action(async (options: { state: string; json?: true }) => {
      exit(await attestCommand(surroundings, options));
    });

  program
    .command('trust')
    .description(
      'take the server’s key and trust bundle anew, by your word; the agent must be stopped',
    )
    .requiredOption(
      '--fingerprint <hex>',
      'SHA-256 of the server’s TLS key, compared with what the deployment shows',
      as(Sha256Hex),
    )
    .option('--new-anchor', 'the CA was made anew: take another anchor, whatever its epoch')
    .option('--json', 'machine-readable output')
    .addOption(state())
    .action((options: TrustOptions) => trustCommand(surroundings, options));

  program
    .command('doctor')
    .description(
      'look at everything that this host’s proof needs, change nothing: exit code 1 for a fault',
    )
    .option('--json', 'machine-readable output')
    .addOption(state())
    .action(async (options: { state: string; json?: true }) => {
      exit(await doctorCommand(surroundings, options));
    });

  program
    .command('install-hook')
    .description('have libvirt ask the start gate before it starts a VM')
    .option('--check', 'only look: exit code 0 where the hook is in its place, else 1')
    .option('--remove', 'take it away')
    .option('--reload', 'have libvirtd look for it again; no VM is touched by it')
    .option('--json', 'machine-readable output')
    .addOption(state())
    .action(async (options: InstallHookOptions) => {
      const { installHookCommand } = await import('./commands/install-hook.ts');
      exit(await installHookCommand(surroundings, options));
    });

  return program;
}

type DaemonOptions = { readonly state: string; readonly courier?: string };

async function daemonCommand(
  surroundings: AgentSurroundings,
  { state, courier }: DaemonOptions,
): Promise<void> {
  const [{ runDaemon }, { passedOverBy }, { pino }] = await Promise.all([
    import('./daemon.ts'),
    import('./tpm/host-tpm.ts'),
    import('pino'),
  ]);
  const log = pino({ name: 'touchstone-agent' }, pino.destination({ fd: 2, sync: true }));
  await withState(surroundings, state, async (stateDir, attester, config) => {
    const passedOver = await passedOverBy(attester.tpm, surroundings.machine);
    if (passedOver !== null) log.warn({ tpm: passedOver }, 'a TPM that is not the host’s');
    await runDaemon({
      stateDir,
      socketPath: socketPathOf(stateDir),
      courier: courier === undefined ? null : resolve(surroundings.workingDirectory, courier),
      attester,
      config,
      log,
      stop: surroundings.stopOnSignal(),
      ready: () => surroundings.stdout.write(`${JSON.stringify({ ready: true })}\n`),
    });
  });
}

type RunOptions = {
  readonly state: string;
  readonly vm: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly ephemeralRoot?: string;
};

async function runCommand(
  surroundings: AgentSurroundings,
  options: RunOptions,
  command: readonly string[],
): Promise<number> {
  const { stderr, workingDirectory, searchPath } = surroundings;
  const decision = await askToRun({
    socketPath: socketPathOf(resolve(workingDirectory, options.state)),
    vm: options.vm,
    command,
    ephemeralRoot: options.ephemeralRoot,
    workingDirectory,
    searchPath,
    pid: surroundings.pid,
    named: options.env ?? {},
  });
  if (!decision.start) return reportRefusal(stderr, options.vm, decision);
  surroundings.replaceProcess(decision.launch);
  stderr.write(`touchstone-agent: ${decision.launch.command[0]} could not be executed\n`);
  return EXIT.unavailable;
}

/** An option's value in its schema's shape; hex and UUIDs may be written in capitals. */
function as(schema: TSchema): (text: string) => string {
  return (text) => {
    const value = schema === Sha256Hex || schema === Uuid ? text.toLowerCase() : text;
    try {
      checkAgainst(schema, value);
      return value;
    } catch (cause) {
      throw new InvalidArgumentError(cause instanceof SchemaError ? cause.message : String(cause));
    }
  };
}

/** Variables by name, with what they are set to here. */
function namedOf(environment: AgentSurroundings['environment']) {
  return (name: string, before: Readonly<Record<string, string>> = {}) => {
    const value = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/u.test(name) ? environment[name] : undefined;
    if (value === undefined) throw new InvalidArgumentError('no variable of that name is set here');
    return { ...before, [name]: value };
  };
}

/**
 * A device is named from the root: the daemon has another working directory. The kernel's resource manager is behind
 * tpmrm0; at tpm0 what a killed process left stays, until the TPM is full.
 */
function tpmName(text: string): string {
  if (/^\/dev\/tpm[0-9]+$/u.test(text)) {
    throw new InvalidArgumentError(`name the managed device: ${text.replace('tpm', 'tpmrm')}`);
  }
  if (text === 'software' || /^\/[^\u0000-\u001f]+$/u.test(text)) return text;
  throw new InvalidArgumentError('it is `software` or the path of a device, such as /dev/tpmrm0');
}

/** A host name as a name of ours. */
const slugOf = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/gu, '-')
    .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/gu, '')
    .slice(0, 63) || 'host';
