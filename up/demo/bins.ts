import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { realpath } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compileCache } from '../child.ts';

const HOUSE = await realpath(fileURLToPath(new URL('../..', import.meta.url)));

/** The commands as an operator has them; nothing of theirs is imported. */
export const BIN = {
  touchstone: `${HOUSE}/cli/bin/touchstone.mjs`,
  agent: `${HOUSE}/agent/bin/touchstone-agent.mjs`,
} as const;

export type Outcome = {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
};

/** Runs a command to its end; its exit code is for the caller to judge. */
export async function runBin(
  bin: keyof typeof BIN,
  args: readonly string[],
  options: { readonly environment: Readonly<Record<string, string>>; readonly input?: string },
): Promise<Outcome> {
  const child = spawn(process.execPath, [BIN[bin], ...args], {
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      LANG: 'C.UTF-8',
      ...compileCache(process.env),
      ...options.environment,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode: exitCode ?? 128, stdout, stderr };
}
