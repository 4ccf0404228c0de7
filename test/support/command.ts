import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { BIN } from './touchstone.ts';

export type CommandOutcome = {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** `touchstone ARGS`, to its end. `killAt`: SIGKILL as soon as standard error has that. */
export async function touchstoneCommand(
  args: readonly string[],
  { input = '', killAt }: { readonly input?: string; readonly killAt?: string } = {},
): Promise<CommandOutcome> {
  const child = spawn(process.execPath, [BIN.touchstone, ...args], { stdio: 'pipe' });
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (piece: Buffer) => (stdout += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => {
    stderr += piece.toString();
    if (killAt !== undefined && stderr.includes(killAt)) child.kill('SIGKILL');
  });
  // Whoever ends before it has read it all closes the pipe.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [exitCode] = (await once(child, 'close')) as [number | null];
  process.off('exit', killAtExit);
  return { exitCode, stdout, stderr };
}
