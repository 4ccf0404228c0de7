import { Command, CommanderError } from 'commander';
import { addAlertCommands } from './commands/alert.ts';
import { addAppraiseCommand } from './commands/appraise.ts';
import { addAuditCommands } from './commands/audit.ts';
import { addBaselineCommands } from './commands/baseline.ts';
import { addCaCommands } from './commands/ca.ts';
import { addGateCommands } from './commands/gate.ts';
import { addHostCommands } from './commands/host.ts';
import { addInspectCommands } from './commands/inspect.ts';
import { addJoinTokenCommands } from './commands/join-token.ts';
import { addKeysCommands } from './commands/keys.ts';
import { addLoginCommand } from './commands/login.ts';
import { addQuorumCommands } from './commands/quorum.ts';
import { addRetentionCommands } from './commands/retention.ts';
import { addTokenCommands } from './commands/token.ts';
import { addVmCommands } from './commands/vm.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { failureOf } from './failure.ts';
import { showFailure } from './show/failure.ts';
import { createWorld, globalsOf, type RunCliOptions, type World } from './world.ts';

/**
 * The operator's command: runs `argv` and gives the exit status, which is 0 for yes and done, 1 for no,
 * 64 for a call that makes no sense, 65 for malformed input, 69 where a process does not answer, 70 for
 * a bug and 77 for what is not permitted. Never rejects.
 */
export async function runCli(options: RunCliOptions): Promise<ExitCode> {
  const world = createWorld(options);
  const program = buildProgram(world);
  try {
    await program.parseAsync([...options.argv], { from: 'user' });
    return world.exit();
  } catch (error) {
    // Commander has said what is wrong already, or has shown the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.yes : EXIT.usage;
    const failure = failureOf(error);
    if (globalsOf(program).json && failure.answer !== undefined) {
      world.screen.printJson(failure.answer);
    } else if (globalsOf(program).json) world.screen.noteJson(failure.problem);
    else world.screen.note(...(await showFailure(failure.problem, world.screen.textWidth)));
    return failure.exit;
  }
}

function buildProgram(world: World): Command {
  const program = new Command('touchstone')
    .description('Lets hypervisors start VMs only while they can prove what they booted.')
    .option('--json', 'write the whole answer as JSON')
    .option('--profile <file>', 'the login to use (also: TOUCHSTONE_PROFILE)')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => world.screen.printText(text),
      writeErr: (text) => world.screen.noteText(text),
    })
    .showHelpAfterError('(--help says more)')
    .exitOverride()
    .addHelpText('after', OTHER_COMMANDS);
  addLoginCommand(program, world);
  addHostCommands(program, world);
  addBaselineCommands(program, world);
  addVmCommands(program, world);
  addGateCommands(program, world);
  addJoinTokenCommands(program, world);
  addTokenCommands(program, world);
  addQuorumCommands(program, world);
  addAlertCommands(program, world);
  addCaCommands(program, world);
  addKeysCommands(program, world);
  addAuditCommands(program, world);
  addRetentionCommands(program, world);
  addInspectCommands(program, world);
  addAppraiseCommand(program, world);
  return program;
}

const OTHER_COMMANDS = `
Besides:
  touchstone up         start PostgreSQL, the CA and the server on this machine
  touchstone backup     everything of a deployment in one encrypted file
  touchstone restore    a deployment out of a backup
  touchstone ca backup|restore   the CA alone, where its files are
  touchstone keys rotate tls     other TLS keys, where up runs
  touchstone move       from the private PostgreSQL to a shared one
  touchstone demo       the whole story on this machine, with nothing left behind

Exit status: 0 yes, 1 no, 64 usage, 65 malformed input, 69 unavailable, 70 bug, 77 not permitted.`;
