import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { house } from './compose.ts';
import type { CommandOutcome } from './command.ts';
import { BIN } from './touchstone.ts';

/** A document's headings, and beneath each its blocks of shell. */
type Sections = ReadonlyMap<string, readonly string[]>;

export function sectionsOf(path: string): {
  readonly text: string;
  readonly sections: Sections;
} {
  const text = readFileSync(join(house, path), 'utf8');
  const sections = new Map<string, string[]>();
  for (const part of text.split(/^## /mu).slice(1)) {
    const [heading = '', ...lines] = part.split('\n');
    const blocks = [...lines.join('\n').matchAll(/^```sh\n([^]*?)^```$/gmu)];
    sections.set(
      heading,
      blocks.map(([, block = '']) => block.trimEnd()),
    );
  }
  return { text, sections };
}

/** Somebody at a shell, who types what a document says. */
export type Shell = {
  /** Lines, to their end or the first that fails. `input` is what is typed at the questions that they ask. */
  type(lines: string, options?: { readonly input?: string }): Promise<CommandOutcome>;
  /** All that was ever on the screen. */
  screen(): string;
};

/**
 * `touchstone` and `node` are those of this tree. `stands` is what words of the document stand for here: an address, a
 * directory.
 */
export async function openShell(
  directory: string,
  stands: Readonly<Record<string, string>>,
): Promise<Shell> {
  const bin = join(directory, 'bin');
  await mkdir(bin, { recursive: true });
  const call = (file: string) => `#!/bin/sh\nexec '${process.execPath}' '${file}' "$@"\n`;
  for (const [name, file] of [
    ['touchstone', BIN.touchstone],
    ['touchstone-agent', BIN.agent],
  ] as const) {
    await writeFile(join(bin, name), call(file), { mode: 0o755 });
  }
  let screen = '';
  const type: Shell['type'] = async (lines, { input = '' } = {}) => {
    let here = lines;
    for (const [word, meant] of Object.entries(stands)) here = here.replaceAll(word, meant);
    const child = spawn('sh', ['-euc', here], {
      cwd: directory,
      env: {
        ...process.env,
        PATH: `${bin}:${process.env['PATH'] ?? '/usr/bin:/bin'}`,
        TOUCHSTONE_PROFILE: join(directory, 'credentials.json'),
      },
      stdio: 'pipe',
    });
    const killAtExit = () => child.kill('SIGKILL');
    process.once('exit', killAtExit);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (piece: Buffer) => (stdout += piece.toString()));
    child.stderr.on('data', (piece: Buffer) => (stderr += piece.toString()));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const [exitCode] = (await once(child, 'close')) as [number | null];
    process.off('exit', killAtExit);
    screen += `$ ${here}\n${stdout}${stderr}`;
    return { exitCode, stdout, stderr };
  };
  return { type, screen: () => screen };
}
