import { Baseline, type BaselineRule, checkAgainst, SchemaError } from '@touchstone/schemas';
import { BaselineError } from './baseline-error.ts';
import { isStrong, STRONG_BANKS } from './strong-bank.ts';

/**
 * A baseline, once the value has its shape and its rules can mean one thing only:
 * - its banks are strong, and every allowed measurement has a digest in each of them and in no other;
 * - no rule id occurs twice, and no digest is allowed by two rules for the same PCR and event type;
 * - a rule that enforces says what it allows; `times` stands only where it is counted;
 * - its dates are dates.
 *
 * @throws BaselineError
 */
export function checkBaseline(value: unknown): Baseline {
  const baseline = shapeOf(value);
  for (const [at, bank] of baseline.banks.entries()) {
    if (!isStrong(bank)) fail('BASELINE_BANK_WEAK', `${bank} proves nothing`, `/banks/${at}`);
  }
  checkTimestamp(baseline.expires, '/expires');
  checkTimestamp(baseline.provenance?.capturedAt, '/provenance/capturedAt');
  const ids = new Set<string>();
  const digests = new Map<string, string>();
  for (const [at, rule] of baseline.rules.entries()) {
    if (ids.has(rule.id)) fail('BASELINE_RULE_DUPLICATE', rule.id, `/rules/${at}/id`);
    ids.add(rule.id);
    checkRule(baseline, rule, `/rules/${at}`, digests);
  }
  return baseline;
}

function checkRule(
  baseline: Baseline,
  rule: BaselineRule,
  field: string,
  digests: Map<string, string>,
): void {
  if (rule.allow === undefined) {
    if (rule.mode === 'enforce') fail('BASELINE_RULE_OPEN', 'enforces, allows nothing', field);
    if (rule.times !== undefined) {
      fail('BASELINE_TIMES_UNUSED', 'times without allow', `${field}/times`);
    }
    return;
  }
  for (const [at, allowed] of rule.allow.entries()) {
    for (const bank of STRONG_BANKS) {
      const place = `${field}/allow/${at}`;
      const digest = allowed[bank];
      const declared = baseline.banks.includes(bank);
      if (declared && digest === undefined) fail('BASELINE_DIGEST_MISSING', bank, place);
      if (digest === undefined) continue;
      if (!declared) fail('BASELINE_DIGEST_UNDECLARED', bank, `${place}/${bank}`);
      const key = `${rule.pcr} ${rule.type} ${bank} ${digest}`;
      const other = digests.get(key);
      if (other !== undefined) {
        const reason = `${digest} is allowed by ${other} and by ${rule.id}`;
        fail('BASELINE_DIGEST_AMBIGUOUS', reason, `${place}/${bank}`);
      }
      digests.set(key, rule.id);
    }
  }
}

function shapeOf(value: unknown): Baseline {
  try {
    return checkAgainst(Baseline, value);
  } catch (cause) {
    if (!(cause instanceof SchemaError)) throw cause;
    // SchemaError's text begins with the field, which is told apart here.
    const reason = cause.message.slice(cause.message.indexOf(': ') + 2);
    throw new BaselineError('BASELINE_SHAPE', reason, { field: cause.field, cause });
  }
}

function checkTimestamp(text: string | undefined, field: string): void {
  if (text === undefined) return;
  const at = new Date(text);
  // Only a date of the calendar comes back as it went in; Date takes the 31st of February.
  if (!Number.isNaN(at.getTime()) && at.toISOString().slice(0, 19) === text.slice(0, 19)) return;
  fail('BASELINE_TIMESTAMP', text, field);
}

function fail(code: BaselineError['code'], reason: string, field: string): never {
  throw new BaselineError(code, reason, { field });
}
