import { Baseline, checkAgainst, SchemaError } from '@touchstone/schemas';
import { isAdvisory } from '../advisories/ledger.ts';
import { checkImaPolicy } from '../ima/compiled-ima-policy.ts';
import { isQuirk } from '../quirks.ts';
import { isStrong } from '../strong-bank.ts';
import { BaselineError } from './baseline-error.ts';
import { checkOrder, checkRules } from './check-rules.ts';

/**
 * A baseline, once the value has its shape and can mean one thing only:
 * - its banks are strong, and every measurement has a digest in each of them and in no other;
 * - it has rules, or another section that enforces; a section stands in its part alone;
 * - a document of the part `host` names its host;
 * - its dates are dates, and its quirks and advisories are in their ledgers;
 * - what checkRules and checkOrder say of its rules.
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
  checkQuirks(baseline);
  checkAdvisories(baseline);
  checkSections(baseline);
  if (baseline.ima !== undefined) checkImaPolicy(baseline.ima);
  checkRules(baseline);
  checkOrder(baseline);
  return baseline;
}

function checkQuirks({ quirks = [] }: Baseline): void {
  for (const [at, name] of quirks.entries()) {
    if (!isQuirk(name)) fail('BASELINE_QUIRK_UNKNOWN', name, `/quirks/${at}`);
  }
}

function checkAdvisories({ tpm }: Baseline): void {
  for (const [at, name] of tpm?.accept?.entries() ?? []) {
    if (!isAdvisory(name)) fail('BASELINE_ADVISORY_UNKNOWN', name, `/tpm/accept/${at}`);
  }
}

function checkSections({ part, match, secureBoot, tpm, ima, rules }: Baseline): void {
  if (part === 'host' && match.host === undefined) {
    fail('BASELINE_HOST_MISSING', 'the part host, and no host', '/match');
  }
  if (secureBoot !== undefined && part !== 'secureBoot') {
    fail('BASELINE_SECTION_MISPLACED', `secureBoot in ${part}`, '/secureBoot');
  }
  if (tpm !== undefined && part !== 'firmware') {
    fail('BASELINE_SECTION_MISPLACED', `tpm in ${part}`, '/tpm');
  }
  if (ima !== undefined && part !== 'runtime') {
    fail('BASELINE_SECTION_MISPLACED', `ima in ${part}`, '/ima');
  }
  const asked = tpm?.resists === undefined ? undefined : tpm;
  const enforces = [secureBoot, asked, ima].some((section) => section?.mode === 'enforce');
  if (rules.length === 0 && !enforces) {
    fail('BASELINE_RULES_EMPTY', 'no rules, and no other section that enforces', '/rules');
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
