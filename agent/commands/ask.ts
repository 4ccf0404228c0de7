import { resolve } from 'node:path';
import { EXIT } from '../exit-code.ts';
import { reportRefusal } from '../report.ts';
import { askForOther } from '../run.ts';
import { type AgentSurroundings, socketPathOf } from '../surroundings.ts';

/** Admission alone: what is executed afterwards, by whom and with what, is theirs. */
export async function askCommand(
  surroundings: AgentSurroundings,
  options: { readonly state: string; readonly vm: string },
  command: readonly string[],
): Promise<number> {
  const { stderr, workingDirectory, searchPath, environment } = surroundings;
  const decision = await askForOther({
    socketPath: socketPathOf(resolve(workingDirectory, options.state)),
    vm: options.vm,
    ...{ command, workingDirectory, searchPath, environment },
  });
  return decision.start ? EXIT.yes : reportRefusal(stderr, options.vm, decision);
}
