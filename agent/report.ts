import type { Finding } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { isTpmError } from './codes.ts';
import { EXIT } from './exit-code.ts';

/** Findings in words, one block each, for a terminal. */
export function reportFindings(findings: readonly Finding[]): string {
  return findings
    .map((finding) => {
      const lines = [`  ${finding.code}: ${finding.subject}`];
      if (finding.expected !== undefined) lines.push(`    expected  ${finding.expected}`);
      if (finding.actual !== undefined) lines.push(`    found     ${finding.actual}`);
      if (finding.nearest !== undefined) lines.push(`    nearest   ${finding.nearest}`);
      lines.push(`    to do     ${finding.remedy} (${finding.actor})`);
      return lines.map(printable).join('\n');
    })
    .join('\n');
}

/** Why a VM is not started; gives the exit code. */
export function reportRefusal(
  stderr: NodeJS.WritableStream,
  vm: string,
  refused: { readonly findings: readonly Finding[]; readonly unavailable: boolean },
): number {
  const findings = reportFindings(refused.findings);
  stderr.write(`touchstone-agent: VM ${vm} is not started. No proof, no guests.\n${findings}\n`);
  return refused.unavailable ? EXIT.unavailable : EXIT.no;
}

/** What failed, in the same shape. */
export function reportError(error: unknown): string {
  if (isTpmError(error)) {
    const lines = [`touchstone-agent: ${error.code}: ${error.title}`, `  ${error.message}`];
    return [...lines, `  to do: ${error.remedy}`].map(printable).join('\n');
  }
  if (!(error instanceof AppError)) {
    return `touchstone-agent: ${printable(error instanceof Error ? error.message : String(error))}`;
  }
  const lines = [`touchstone-agent: ${error.code}: ${error.title}`];
  if (error.detail !== undefined) lines.push(`  ${error.detail}`);
  if (error.remedy !== undefined) lines.push(`  to do: ${error.remedy}`);
  const findings = error.findings === undefined ? '' : `\n${reportFindings(error.findings)}`;
  return lines.map(printable).join('\n') + findings;
}

/** A terminal is not driven by what a peer sent. */
export const printable = (text: string): string => text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, '?');
