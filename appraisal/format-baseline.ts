import type { Baseline } from '@touchstone/schemas';
import { Document, isCollection, isSeq } from 'yaml';

/**
 * A baseline as a person reviews it: one line for what it matches and one for each allowed
 * measurement. Reading it gives the same baseline.
 */
export function formatBaseline(baseline: Baseline): string {
  const document = new Document(ordered(baseline), { version: '1.2' });
  for (const key of ['match', 'banks', 'provenance']) setFlow(document.get(key, true));
  const rules = document.get('rules', true);
  for (const rule of isSeq(rules) ? rules.items : []) {
    const allow = isCollection(rule) ? rule.get('allow', true) : undefined;
    for (const allowed of isSeq(allow) ? allow.items : []) setFlow(allowed);
  }
  return document.toString({ lineWidth: 0, singleQuote: true });
}

/** Several documents in one file. */
export function formatBaselines(baselines: readonly Baseline[]): string {
  return baselines.map(formatBaseline).join('---\n');
}

function setFlow(node: unknown): void {
  if (isCollection(node)) node.flow = true;
}

/** The order of reading; what is absent is left out. */
function ordered(baseline: Baseline): Record<string, unknown> {
  const { kind, part, name, version, match, expires, banks, provenance, rules } = baseline;
  const head = { kind, part, name, version, match, expires, banks, provenance };
  const entries = Object.entries({
    ...head,
    rules: rules.map(({ id, mode, pcr, type, times, allow }) =>
      present({ id, mode, pcr, type, times, allow: allow?.map(orderedMeasurement) }),
    ),
  });
  return present(Object.fromEntries(entries));
}

function orderedMeasurement(allowed: NonNullable<Baseline['rules'][number]['allow']>[number]) {
  const { sha256, sha384, sha512, name, version, from, file } = allowed;
  return present({ sha256, sha384, sha512, name, version, from, file });
}

function present(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
