import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** @throws Error with what the command complained of, where it did not end well. */
export async function finished(child: ChildProcess): Promise<void> {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${child.spawnargs.join(' ')} ended with ${code}:\n${said}`);
}
