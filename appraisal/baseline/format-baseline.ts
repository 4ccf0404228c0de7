import type { Baseline } from '@touchstone/schemas';
import { Document, isCollection, isSeq } from 'yaml';
import { UNSEEN } from './unseen.ts';

/**
 * A baseline as a person reviews it: one line for what it matches and one for each allowed
 * measurement. Reading it gives the same baseline.
 */
export function formatBaseline(baseline: Baseline): string {
  const document = new Document(ordered(baseline), { version: '1.2' });
  for (const key of ['match', 'banks', 'quirks', 'provenance']) setFlow(document.get(key, true));
  const rules = document.get('rules', true);
  for (const rule of isSeq(rules) ? rules.items : []) {
    for (const list of ['allow', 'deny']) {
      const measurements = isCollection(rule) ? rule.get(list, true) : undefined;
      for (const one of isSeq(measurements) ? measurements.items : []) setFlow(one);
    }
  }
  const text = document.toString({ lineWidth: 0, singleQuote: true });
  return UNSEEN.test(text) ? spelt(document) : text;
}

/** With every text in double quotes, where YAML has escapes (1.2, 5.7) for what would not be seen. */
const spelt = (document: Document): string =>
  document
    .toString({ lineWidth: 0, singleQuote: false, defaultStringType: 'QUOTE_DOUBLE' })
    .replaceAll(
      new RegExp(UNSEEN.source, 'gu'),
      (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );

/** Several documents in one file. */
export function formatBaselines(baselines: readonly Baseline[]): string {
  return baselines.map(formatBaseline).join('---\n');
}

function setFlow(node: unknown): void {
  if (isCollection(node)) node.flow = true;
}

/** The order of reading; what is absent is left out, and what is not named here comes last. */
function ordered(baseline: Baseline): Record<string, unknown> {
  const { rules, order, ...head } = baseline;
  return {
    ...sorted(HEAD, head),
    rules: rules.map(({ allow, deny, ...rule }) =>
      sorted(RULE, {
        ...rule,
        allow: allow?.map((one) => sorted(MEASUREMENT, one)),
        deny: deny?.map((one) => sorted(MEASUREMENT, one)),
      }),
    ),
    ...(order === undefined ? {} : { order }),
  };
}

const HEAD = [
  'kind',
  'part',
  'name',
  'version',
  'match',
  'expires',
  'banks',
  'independent',
  'quirks',
];
const RULE = ['id', 'mode', 'pcr', 'type', 'times', 'optional', 'why', 'words', 'allow', 'deny'];
const DIGESTS = ['sha256', 'sha384', 'sha512'];
const MEASUREMENT = [
  ...DIGESTS,
  'name',
  'version',
  'from',
  'file',
  'set',
  'lockdown',
  'kexec',
  'why',
];

function sorted(keys: readonly string[], record: Readonly<Record<string, unknown>>) {
  const all = [...new Set([...keys, ...Object.keys(record)])];
  return Object.fromEntries(
    all.flatMap((key) => (record[key] === undefined ? [] : [[key, record[key]] as const])),
  );
}
