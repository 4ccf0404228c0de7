import { Command, CommanderError, Option } from 'commander';
import { UpError } from './failure.ts';
import { runDemo } from './demo/demo.ts';
import { up, type UpOptions } from './up-command.ts';

/** `interrupted` as a shell gives it for SIGINT: 128 and the signal's number. */
const EXIT = { usage: 64, unavailable: 69, bug: 70, interrupted: 130 } as const;

/** `touchstone up` and `touchstone demo`: argv to exit code. DESIGN section 8. */
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
    try {
      await program.parseAsync([...argv], { from: 'user' });
      return exitCode;
    } catch (error) {
      if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
      return reportFailure(error);
    }
  };
}

function reportFailure(error: unknown): number {
  if (!(error instanceof UpError)) {
    process.stderr.write(`touchstone: ${error instanceof Error ? error.stack : String(error)}\n`);
    return EXIT.bug;
  }
  process.stderr.write(`touchstone: ${error.code}: ${error.message}\n  to do: ${error.remedy}\n`);
  if (error.code === 'INTERRUPTED') return EXIT.interrupted;
  return error.code === 'USAGE' ? EXIT.usage : EXIT.unavailable;
}
