import type {
  AllowedMeasurement,
  Baseline,
  BaselineRule,
  DeniedMeasurement,
} from '@touchstone/schemas';
import { compileGlob } from '../glob.ts';
import { STRONG_BANKS } from '../strong-bank.ts';
import { BaselineError } from './baseline-error.ts';
import { isExplaining, isOpen } from './rule-kind.ts';

/** Of a whole document: holding a command line against each takes its time. */
const MAX_GLOBS = 1_024;

/** Digests by PCR, type where it counts, and bank, with the rule that names them. */
type Named = Map<string, string>;

/**
 * Whether the rules can mean one thing only:
 * - no id occurs twice, and no digest is allowed by two rules for the same PCR and event type;
 * - no digest is allowed and denied in one PCR;
 * - a rule that enforces says what it allows or denies; `times` and `optional` stand only where events
 *   are counted;
 * - globs are such as compileGlob reads, and not too many.
 *
 * @throws BaselineError
 */
export function checkRules(baseline: Baseline): void {
  const ids = new Set<string>();
  const allowed: Named = new Map();
  const denied: Named = new Map();
  let globs = 0;
  for (const [at, rule] of baseline.rules.entries()) {
    const field = `/rules/${at}`;
    if (ids.has(rule.id)) fail('BASELINE_RULE_DUPLICATE', rule.id, `${field}/id`);
    ids.add(rule.id);
    checkCounting(rule, field);
    const names = { baseline, rule, field };
    checkDigests({ ...names, list: 'allow', by: ({ pcr, type }) => `${pcr} ${type}` }, allowed);
    checkDigests({ ...names, list: 'deny', by: ({ pcr }) => `${pcr}` }, denied);
    globs += checkGlobs(rule, field);
    if (globs > MAX_GLOBS) fail('BASELINE_TOO_LARGE', `over ${MAX_GLOBS} globs`, field);
  }
  refuseContradictions(baseline, denied);
}

/** Whether `order` names rules that allow something, each as often as it is met. @throws BaselineError */
export function checkOrder({ rules, order }: Baseline): void {
  if (order === undefined) return;
  const explaining = new Map(rules.filter(isExplaining).map((rule) => [rule.id, rule]));
  const counts = new Map<string, number>();
  for (const [at, id] of order.entries()) {
    if (!explaining.has(id)) fail('BASELINE_ORDER', `${id} is no rule that allows`, `/order/${at}`);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  for (const [id, count] of counts) {
    const { times = 1 } = explaining.get(id) ?? {};
    if (count !== times) fail('BASELINE_ORDER', `${id} ${count} times, met ${times}`, '/order');
  }
}

function checkCounting(rule: BaselineRule, field: string): void {
  if (isOpen(rule) && rule.mode === 'enforce') {
    fail('BASELINE_RULE_OPEN', 'enforces, allows nothing', field);
  }
  if (isExplaining(rule)) return;
  for (const key of ['times', 'optional'] as const) {
    if (rule[key] !== undefined) {
      fail('BASELINE_TIMES_UNUSED', `${key} without allow`, `${field}/${key}`);
    }
  }
}

type Digests = {
  readonly baseline: Baseline;
  readonly rule: BaselineRule;
  readonly field: string;
  readonly list: 'allow' | 'deny';
  readonly by: (rule: BaselineRule) => string;
};

function checkDigests({ baseline, rule, field, list, by }: Digests, named: Named): void {
  const measurements: readonly (AllowedMeasurement | DeniedMeasurement)[] = rule[list] ?? [];
  for (const [at, measurement] of measurements.entries()) {
    const place = `${field}/${list}/${at}`;
    for (const bank of STRONG_BANKS) {
      const digest = measurement[bank];
      const declared = baseline.banks.includes(bank);
      if (declared && digest === undefined) fail('BASELINE_DIGEST_MISSING', bank, place);
      if (digest === undefined) continue;
      if (!declared) fail('BASELINE_DIGEST_UNDECLARED', bank, `${place}/${bank}`);
      const key = `${by(rule)} ${bank} ${digest}`;
      const other = named.get(key);
      if (other !== undefined) {
        const reason = `${digest} is in ${list} of ${other} and of ${rule.id}`;
        fail('BASELINE_DIGEST_AMBIGUOUS', reason, `${place}/${bank}`);
      }
      named.set(key, rule.id);
    }
  }
}

function refuseContradictions({ rules }: Baseline, denied: Named): void {
  if (denied.size === 0) return;
  for (const [at, { id, pcr, allow = [] }] of rules.entries()) {
    for (const [which, measurement] of allow.entries()) {
      for (const bank of STRONG_BANKS) {
        const other = denied.get(`${pcr} ${bank} ${measurement[bank]}`);
        if (other === undefined) continue;
        const reason = `${id} allows what ${other} denies`;
        fail('BASELINE_DENY_CONTRADICTED', reason, `/rules/${at}/allow/${which}/${bank}`);
      }
    }
  }
}

/** How many there are. */
function checkGlobs({ words }: BaselineRule, field: string): number {
  if (words === undefined) return 0;
  let count = 0;
  for (const list of ['require', 'allow', 'deny'] as const) {
    for (const [at, glob] of (words[list] ?? []).entries()) {
      count += 1;
      try {
        compileGlob(glob);
      } catch (cause) {
        if (!(cause instanceof RangeError)) throw cause;
        fail('BASELINE_GLOB', cause.message, `${field}/words/${list}/${at}`);
      }
    }
  }
  if (count === 0) fail('BASELINE_SHAPE', 'words that say nothing', `${field}/words`);
  return count;
}

function fail(code: BaselineError['code'], reason: string, field: string): never {
  throw new BaselineError(code, reason, { field });
}
