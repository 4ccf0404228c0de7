import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { end, firstLine, start } from '../deployment.ts';
import { MEASURED_CORE } from '../processor.ts';

/** A Node that has nothing to do but to stay. */
export async function startIdleNode(): Promise<AsyncDisposable & { readonly pid: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'ts-bench-idle-'));
  const script = join(directory, 'idle.mjs');
  await writeFile(script, "console.log('ready');\nsetInterval(() => {}, 60_000);\n");
  const child = start(MEASURED_CORE, script);
  const stop = async () => {
    await end(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await firstLine(child);
    return { pid: child.pid ?? 0, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
