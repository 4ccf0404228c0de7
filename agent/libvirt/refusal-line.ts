import type { Finding } from '@touchstone/schemas';
import { printable } from '../report.ts';

const MAX_CHARACTERS = 1_500;

/**
 * Why a VM does not start, for virsh's error: the finding that decided, what to do, and the id by which the journal, the
 * server and its page know this request.
 */
export function refusalLine(requestId: string, code: string, findings: readonly Finding[]): string {
  const finding = findings.find((each) => each.code === code) ?? findings[0];
  const { subject = '', expected, actual, remedy = '' } = finding ?? {};
  const more = findings.length > 1 ? ` (and ${findings.length - 1} more)` : '';
  const parts = [
    `${code}: ${subject}${more}`,
    ...(actual === undefined ? [] : [`found ${actual}`]),
    ...(expected === undefined ? [] : [`expected ${expected}`]),
    `To do: ${remedy}`,
  ];
  return printable(`request ${requestId}: ${parts.join('. ').slice(0, MAX_CHARACTERS)}`);
}
