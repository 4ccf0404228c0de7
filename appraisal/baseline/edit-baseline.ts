import type {
  AllowedMeasurement,
  Baseline,
  BaselineRule,
  DeniedMeasurement,
} from '@touchstone/schemas';
import { type Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap, YAMLSeq } from 'yaml';
import { STRONG_BANKS } from '../strong-bank.ts';
import { BaselineError } from './baseline-error.ts';
import { mergedRules } from './merge-capture.ts';
import { readBaselines, type WrittenBaseline } from './parse-baselines.ts';

/** A change of a document. Rules are named by id, measurements by any one of their digests. */
export type BaselineEdit =
  | { readonly kind: 'version'; readonly version: number }
  | {
      readonly kind: 'add';
      readonly rule: string;
      readonly list: 'allow' | 'deny';
      readonly measurement: AllowedMeasurement | DeniedMeasurement;
    }
  | {
      readonly kind: 'remove';
      readonly rule: string;
      readonly list: 'allow' | 'deny';
      readonly digest: string;
    }
  /** Lists what the captured document does; what it lists already keeps its name, version, origin and comments. */
  | { readonly kind: 'merge'; readonly captured: Baseline };

/**
 * The text of one document after an edit. What is not edited stays as it was written, comments too.
 *
 * @throws BaselineError where the text is no baseline, or is none any more afterwards; RangeError where it has no
 * such rule or measurement, or the captured document is of another part or other banks.
 */
export function editBaseline(text: string, edits: readonly BaselineEdit[]): WrittenBaseline {
  const [before, ...others] = readBaselines(text);
  if (before === undefined || others.length > 0) {
    throw new BaselineError('BASELINE_SYNTAX', 'one document is edited at a time');
  }
  const document = parseDocument(text, { version: '1.2', schema: 'core', merge: false });
  for (const edit of edits) apply(document, edit);
  const edited = document.toString({ lineWidth: 0, flowCollectionPadding: true });
  const [after] = readBaselines(edited);
  if (after === undefined) throw new BaselineError('BASELINE_EMPTY', 'nothing is left');
  return { baseline: after.baseline, text: edited };
}

function apply(document: Document, edit: BaselineEdit): void {
  switch (edit.kind) {
    case 'version':
      document.set('version', edit.version);
      return;
    case 'add':
      addMeasurement(document, ruleOf(document, edit.rule), edit.list, edit.measurement);
      return;
    case 'remove':
      removeMeasurement(ruleOf(document, edit.rule), edit.list, edit.digest);
      return;
    case 'merge':
      mergeCapture(document, edit.captured);
  }
}

function rulesOf(document: Document): YAMLSeq {
  const rules = document.get('rules', true);
  if (isSeq(rules)) return rules;
  throw new RangeError('the document has no rules');
}

function ruleOf(document: Document, id: string): YAMLMap {
  const found = rulesOf(document).items.find((rule) => isMap(rule) && rule.get('id') === id);
  if (isMap(found)) return found;
  throw new RangeError(`the document has no rule ${id}`);
}

function addMeasurement(
  document: Document,
  rule: YAMLMap,
  list: string,
  measurement: object,
): void {
  const node = document.createNode(measurement, { flow: true });
  const some = rule.get(list, true);
  if (isSeq(some)) {
    some.add(node);
    return;
  }
  const made = new YAMLSeq();
  made.add(node);
  rule.set(list, made);
}

function removeMeasurement(rule: YAMLMap, list: string, digest: string): void {
  const some = rule.get(list, true);
  const at = isSeq(some)
    ? some.items.findIndex(
        (one) => isMap(one) && STRONG_BANKS.some((bank) => one.get(bank) === digest),
      )
    : -1;
  if (!isSeq(some) || at < 0) throw new RangeError(`the rule does not list ${digest}`);
  if (some.items.length === 1) rule.delete(list);
  else some.delete(at);
}

function mergeCapture(document: Document, captured: Baseline): void {
  const before = document.toJS({ maxAliasCount: 0 }) as Baseline;
  const { rules, order } = mergedRules(before, captured);
  const nodes = rulesOf(document);
  const byId = new Map(
    nodes.items.flatMap((rule) => {
      const id = isMap(rule) ? rule.get('id') : undefined;
      return typeof id === 'string' && isMap(rule) ? [[id, rule] as const] : [];
    }),
  );
  nodes.items = rules.map((rule) => {
    const known = byId.get(rule.id);
    return known === undefined ? ruleNode(document, rule) : updated(document, known, rule);
  });
  if (order === undefined) document.delete('order');
  else document.set('order', document.createNode(order));
  const { provenance } = captured;
  if (provenance !== undefined) {
    document.set('provenance', document.createNode(provenance, { flow: true }));
  }
}

function ruleNode(document: Document, { allow = [], ...rule }: BaselineRule): YAMLMap {
  const node = document.createNode(rule) as YAMLMap;
  for (const one of allow) addMeasurement(document, node, 'allow', one);
  return node;
}

/** The rule's own node, with what is listed now: kept measurements are the nodes that they were. */
function updated(document: Document, node: YAMLMap, rule: BaselineRule): YAMLMap {
  if (rule.times === undefined) node.delete('times');
  else if (node.get('times') !== rule.times) node.set('times', rule.times);
  const some = node.get('allow', true);
  if (!isSeq(some)) return node;
  const wanted = rule.allow ?? [];
  const kept = some.items.filter((one) => isMap(one) && wanted.some((each) => isSame(one, each)));
  const come = wanted.filter((each) => !kept.some((one) => isMap(one) && isSame(one, each)));
  some.items = kept;
  for (const one of come) addMeasurement(document, node, 'allow', one);
  return node;
}

const isSame = (node: YAMLMap, measurement: AllowedMeasurement): boolean =>
  STRONG_BANKS.every((bank) => {
    const digest = node.get(bank, true);
    return (isScalar(digest) ? digest.value : undefined) === measurement[bank];
  });
