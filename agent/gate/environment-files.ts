import { agentError } from '../codes.ts';
import { filesAmong, type NamedFile } from './named-files.ts';
import { pathFrom } from './path-from.ts';

/**
 * Variables by which a program is given libraries of directories, whose content no digest covers: ld.so(8), QEMU's
 * modules. Not what keeps them out: `run` passes none on by itself. It tells who asks for one by name.
 */
const LOADS_LIBRARIES = /^(?:LD_|QEMU_|GCONV_PATH$|GLIBC_TUNABLES$)/u;

/**
 * The files whose paths are in the environment that a command is started with. What is in a directory that a
 * variable names is not covered.
 * @throws AppError DEFINITION_UNCOVERED
 */
export async function environmentFiles(
  environment: Readonly<Record<string, string>>,
  workingDirectory: string,
): Promise<NamedFile[]> {
  const named: NamedFile[] = [];
  for (const [name, value] of inOrder(environment)) {
    if (LOADS_LIBRARIES.test(name)) {
      const detail = `environment ${name}: it can load code that no digest covers`;
      throw agentError('DEFINITION_UNCOVERED', { status: 422, detail });
    }
    const words = new Set([value, ...value.split(/[:\s]+/u)]);
    for (const word of words) {
      if (!word.includes('/')) continue;
      for (const path of await filesAmong(word, workingDirectory)) {
        named.push({ argument: name, role: 'argument', path: pathFrom(workingDirectory, path) });
      }
    }
  }
  return named;
}

/** One order, whichever the caller had. */
export const inOrder = (environment: Readonly<Record<string, string>>): [string, string][] =>
  Object.entries(environment).toSorted(([a], [b]) => (a < b ? -1 : 1));
