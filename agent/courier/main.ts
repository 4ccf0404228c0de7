import process from 'node:process';
import { parseArgs } from 'node:util';
import { courierCommand } from '../commands/courier.ts';

/** `touchstone-agent courier`, by itself: the program of all commands has what the courier does without. */
const OPTIONS = {
  socket: { type: 'string' },
  group: { type: 'boolean' },
  as: { type: 'string' },
  attached: { type: 'boolean' },
} as const;
const HELP =
  'usage: touchstone-agent courier --socket PATH [--group] [--as UID:GID] [--attached]\n';

function asked() {
  try {
    const { socket, ...others } = parseArgs({
      args: process.argv.slice(3),
      options: OPTIONS,
    }).values;
    return socket === undefined ? null : { socket, ...others };
  } catch {
    return null;
  }
}

const options = asked();
if (options === null) {
  process.stderr.write(HELP);
  process.exitCode = 64;
} else {
  const { stdout } = process;
  const stopOnSignal = () => {
    const controller = new AbortController();
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => controller.abort());
    return controller.signal;
  };
  await courierCommand({ stdout, stopOnSignal, workingDirectory: process.cwd() }, options);
}
