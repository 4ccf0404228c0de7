import { Command, CommanderError, Option } from 'commander';
import { AK_KINDS, DiskName, EK_KINDS, HttpsUrl, Sha256Hex, Slug, Uuid } from '@touchstone/schemas';
import { as, namedOf, slugOf, tpmName } from './arguments.ts';
import { askCommand } from './commands/ask.ts';
import { attestCommand } from './commands/attest.ts';
import { courierCommand, type CourierOptions } from './commands/courier.ts';
import { daemonCommand, type DaemonOptions } from './commands/daemon.ts';
import { doctorCommand } from './commands/doctor.ts';
import { enrolCommand, type EnrolOptions } from './commands/enroll.ts';
import { runCommand, type RunOptions } from './commands/run.ts';
import { statusCommand } from './commands/status.ts';
import { trustCommand, type TrustOptions } from './commands/trust.ts';
import type { InstallHookOptions } from './commands/install-hook.ts';
import { EXIT, exitCodeOf } from './exit-code.ts';
import { reportError } from './report.ts';
import type { AgentSurroundings } from './surroundings.ts';

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
