import { resolve } from 'node:path';
import { EXIT } from '../exit-code.ts';
import { reportRefusal } from '../report.ts';
import { askToRun } from '../run.ts';
import { type AgentSurroundings, socketPathOf } from '../surroundings.ts';

export type RunOptions = {
  readonly state: string;
  readonly vm: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly ephemeralRoot?: string;
};

/** Becomes the command where the gate permits it. */
export async function runCommand(
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
