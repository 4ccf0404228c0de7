import { resolve } from 'node:path';
import type { AgentCheck } from '@touchstone/schemas';
import { EXIT } from '../exit-code.ts';
import { printable } from '../report.ts';
import { type AgentSurroundings, socketPathOf } from '../surroundings.ts';

/** What it found, one line each, and what to do; exit code 1 where something is a fault. */
export async function doctorCommand(
  { stdout, workingDirectory, searchPath, machine }: AgentSurroundings,
  options: { readonly state: string; readonly json?: true },
): Promise<number> {
  const { diagnose } = await import('../doctor/diagnose.ts');
  const stateDir = resolve(workingDirectory, options.state);
  const socketPath = socketPathOf(stateDir);
  const checks = await diagnose({ stateDir, socketPath, searchPath, machine });
  stdout.write(options.json ? `${JSON.stringify({ checks })}\n` : doctorText(checks));
  return checks.some(({ outcome }) => outcome === 'fault') ? EXIT.no : EXIT.yes;
}

function doctorText(checks: readonly AgentCheck[]): string {
  const width = Math.max(...checks.map(({ subject }) => subject.length));
  const lines = checks.flatMap(({ code, subject, outcome, detail, remedy }) => {
    const said = code === 'OK' ? detail : `${code}: ${detail}`;
    const line = `${outcome.padEnd(7)}  ${subject.padEnd(width)}  ${said}`;
    return remedy === null ? [line] : [line, `${' '.repeat(width + 11)}to do: ${remedy}`];
  });
  const count = (outcome: string) => checks.filter((check) => check.outcome === outcome).length;
  const counted = (outcome: string) =>
    `${count(outcome)} ${outcome}${count(outcome) === 1 ? '' : 's'}`;
  const summary = `${counted('fault')}, ${counted('warning')}, ${count('ok')} ok`;
  return `${[...lines, '', summary].map(printable).join('\n')}\n`;
}
