import { Command, CommanderError, Option } from 'commander';
import {
  caBackup,
  type CaBackupOptions,
  caRestore,
  type CaRestoreOptions,
} from './backup/ca/commands.ts';
import { backup, restore } from './backup/commands.ts';
import { EXIT, exitOf } from './codes.ts';
import { runDemo } from './demo/demo.ts';
import { UpError } from './failure.ts';
import { rotateTls, type RotateTlsOptions } from './keys/rotate-tls.ts';
import { move } from './move/command.ts';
import { up, type UpOptions } from './up-command.ts';

/** The commands that know the data directory, and the demonstration: argv to exit code. DESIGN section 8. */
export function createUpProgram(stop: AbortSignal): (argv: readonly string[]) => Promise<number> {
  return async (argv) => {
    let exitCode = 0;
    const program = new Command('touchstone').exitOverride();
    program
      .command('up')
      .description('start a private PostgreSQL, the CA and the verifier, and keep them running')
      .option('--data <dir>', 'data directory, made the first time', '/var/lib/touchstone')
      .option(
        '--listen <host:port>',
        'address of the server; the CA takes the next port',
        '127.0.0.1:8443',
      )
      .option('--interval <seconds>', 'how often hosts attest', '60')
      .option('--quorum <number>', 'how many people loosening takes, 1 or 2: of a new deployment')
      .option('--json', 'machine-readable output')
      .action((options: UpOptions) => up(options, stop));
    program
      .command('demo')
      .description(
        'the whole story on this machine: a host proves itself, its VM starts; it changes, and is refused',
      )
      .option('--keep', 'leave it all running at the end')
      .addOption(
        new Option(
          '--sabotage <how>',
          'put a gate in the place that lets everything through; the demo must fail',
        ).choices(['allow-all']),
      )
      .action(async (options: { keep?: true; sabotage?: 'allow-all' }) => {
        exitCode = await runDemo(options, stop);
      });
    addBackupCommands(program, stop);
    addMoveCommand(program, stop);
    addKeysCommand(program, stop);
    addCaCommands(program, stop);
    try {
      await program.parseAsync([...argv], { from: 'user' });
      return exitCode;
    } catch (error) {
      if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
      return reportFailure(error);
    }
  };
}

function addBackupCommands(program: Command, stop: AbortSignal): void {
  const common = (command: Command) =>
    command
      .option('--data <dir>', 'data directory', '/var/lib/touchstone')
      .option('--passphrase-file <file>', 'its first line is the passphrase; - is standard input')
      .option('--passphrase-fd <number>', 'the same, of an open file')
      .option('--json', 'machine-readable output');
  common(program.command('backup'))
    .description('everything of a deployment, running or not, in one encrypted file')
    .argument('<file>', 'to write; there must be none yet')
    .option('--verify', 'write nothing: does this file open, is it whole and unchanged?')
    .action((file: string, options: BackupOptions) => backup(file, options, stop));
  common(program.command('restore'))
    .description('a deployment out of a backup, into an empty data directory')
    .argument('<file>', 'a file that `touchstone backup` wrote')
    .action((file: string, options: BackupOptions) => restore(file, options, stop));
}

function addMoveCommand(program: Command, stop: AbortSignal): void {
  program
    .command('move')
    .description(
      'from the private PostgreSQL to a shared one, 15 or later; `up` must not run meanwhile',
    )
    .requiredOption(
      '--to <url>',
      'postgres://ADMIN@HOST:PORT/DATABASE?sslrootcert=FILE, or ?host=/SOCKET/DIRECTORY',
    )
    .option('--password-file <file>', 'holds the password of that administrator')
    .option('--data <dir>', 'data directory', '/var/lib/touchstone')
    .option('--dry-run', 'only look whether it could be done; `up` may run')
    .option('--plain-tcp', 'let sslmode=disable count for another machine too')
    .option('--json', 'machine-readable output')
    .action((options: Parameters<typeof move>[0]) => move(options, stop));
}

function addCaCommands(program: Command, stop: AbortSignal): void {
  const ca = program.command('ca');
  const common = (command: Command) =>
    command
      .option('--data <dir>', 'data directory of `touchstone up`')
      .option('--config <file>', 'or the configuration of a CA of its own')
      .option('--passphrase-file <file>', 'its first line is the passphrase; - is standard input')
      .option('--passphrase-fd <number>', 'the same, of an open file')
      .option('--json', 'machine-readable output');
  common(ca.command('backup'))
    .description('the CA alone, running or not, in one encrypted file')
    .argument('<file>', 'to write; there must be none yet')
    .option('--verify', 'write nothing: does this file open, is it whole and unchanged?')
    .action((file: string, options: CaBackupOptions) => caBackup(file, options, stop));
  common(ca.command('restore'))
    .description('the CA out of a backup of it; it must be stopped')
    .argument('<file>', 'a file that `touchstone ca backup` wrote')
    .option('--replace', 'put it in the place of the CA that is there, which is kept beside')
    .option('--epoch-seen <number>', 'the epoch of the CA that `touchstone ca status` shows')
    .option('--accept-older-epoch', 'go on though the server has seen a later CA than this')
    .action((file: string, options: CaRestoreOptions) => caRestore(file, options, stop));
}

function addKeysCommand(program: Command, stop: AbortSignal): void {
  program
    .command('keys')
    .command('rotate')
    .command('tls')
    .description('other TLS keys for the server and the CA, of which hosts hear before; `up` runs')
    .option('--data <dir>', 'data directory', '/var/lib/touchstone')
    .option('--force', 'go on though hosts that are there have not heard of them')
    .option('--json', 'machine-readable output')
    .action((options: RotateTlsOptions) => rotateTls(options, stop));
}

type BackupOptions = Parameters<typeof backup>[1];

function reportFailure(error: unknown): number {
  if (!(error instanceof UpError)) {
    process.stderr.write(`touchstone: ${error instanceof Error ? error.stack : String(error)}\n`);
    return EXIT.bug;
  }
  process.stderr.write(`touchstone: ${error.code}: ${error.message}\n  to do: ${error.remedy}\n`);
  return exitOf(error.code);
}
