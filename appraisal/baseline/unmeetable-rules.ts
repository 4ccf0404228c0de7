import { EVENT_TYPE_NAMES } from '@touchstone/eventlog';
import type { Baseline, Finding, Selection } from '@touchstone/schemas';
import { nameOfBaseline } from '../comparison/event-text.ts';
import { finding } from '../finding.ts';
import { isStrong } from '../strong-bank.ts';

/** As many as an answer shows. */
const MAX_WARNINGS = 64;

const KNOWN_TYPES = new Set(EVENT_TYPE_NAMES.values());

/**
 * What in a document no evidence can ever have: a bank or a PCR that is not asked for, or a type of event that nobody
 * knows. Such a rule trusts nobody, for what it enforces is never met; whoever wrote it hears so beforehand.
 */
export function unmeetableRules(baseline: Baseline, selection: Selection): Finding[] {
  const name = nameOfBaseline(baseline);
  const quoted = baseline.banks.filter(isStrong).flatMap((bank) => selection[bank] ?? []);
  const findings: Finding[] = [];
  if (quoted.length === 0) {
    findings.push(
      finding('BASELINE_BANK_NOT_QUOTED', {
        ...{ subject: name, effect: 'warn' },
        expected: Object.keys(selection).join(', '),
        actual: baseline.banks.join(', '),
      }),
    );
  }
  for (const { id, pcr, type } of baseline.rules) {
    const subject = `${name}, rule ${id}`;
    if (type.startsWith('EV_') && !KNOWN_TYPES.has(type)) {
      findings.push(finding('RULE_TYPE_UNKNOWN', { subject, effect: 'warn', actual: type }));
    }
    if (quoted.length > 0 && !quoted.includes(pcr)) {
      const expected = `one of ${quoted.join(', ')}`;
      const actual = `PCR ${pcr}`;
      findings.push(finding('RULE_PCR_NOT_QUOTED', { subject, effect: 'warn', expected, actual }));
    }
  }
  return findings.slice(0, MAX_WARNINGS);
}
