import { isDeepStrictEqual } from 'node:util';
import type { AllowedMeasurement, Baseline, BaselineRule } from '@touchstone/schemas';
import { STRONG_BANKS } from '../strong-bank.ts';

/** The rules of a document after a capture was merged into it. */
export type MergedRules = { readonly rules: BaselineRule[]; readonly order: string[] | undefined };

/**
 * What is captured is listed, and nothing that is not. A rule that lists a captured measurement stays, with its
 * alternatives; one whose measurement is gone takes the captured one of the same name, or goes. Rules that a person
 * wrote for more than one sight (that deny, go by words, are optional, merely warn or observe, or have sets) stay as
 * they are.
 *
 * @throws RangeError where the documents are of two parts or of other banks
 */
export function mergedRules(before: Baseline, captured: Baseline): MergedRules {
  if (before.part !== captured.part) throw new RangeError(`${captured.part} into ${before.part}`);
  if (!isDeepStrictEqual(new Set(before.banks), new Set(captured.banks))) {
    throw new RangeError(`${captured.banks.join(', ')} into ${before.banks.join(', ')}`);
  }
  const open = new Map(captured.rules.map((rule) => [rule.id, rule]));
  const idOf = new Map<string, string>();
  const take = (rule: BaselineRule, fits: (one: BaselineRule) => boolean) => {
    const found = [...open.values()].find(
      (one) => one.pcr === rule.pcr && one.type === rule.type && fits(one),
    );
    if (found === undefined) return undefined;
    open.delete(found.id);
    idOf.set(found.id, rule.id);
    return found;
  };
  const firsts = new Map(
    before.rules.map((rule) => [rule.id, take(rule, (one) => sharesDigest(rule, one))] as const),
  );
  const rules = before.rules.flatMap((rule): BaselineRule[] => {
    const same = firsts.get(rule.id);
    if (same !== undefined) return [isOfOneSight(rule) ? timed(rule, same.times) : rule];
    if (!isOfOneSight(rule)) {
      take(rule, (one) => one.allow === undefined && rule.allow === undefined);
      return [rule];
    }
    const renewed = take(rule, (one) => sharesName(rule, one));
    return renewed === undefined
      ? []
      : [timed({ ...rule, allow: renewed.allow ?? [] }, renewed.times)];
  });
  const taken = new Set(rules.map(({ id }) => id));
  for (const rule of open.values()) {
    const id = freeId(rule.id, taken);
    taken.add(id);
    idOf.set(rule.id, id);
    rules.push({ ...rule, id });
  }
  return { rules, order: orderOf(captured, rules, idOf) };
}

/** Whether a rule lists one state of one thing, as captured rules do. */
const isOfOneSight = ({ mode, allow, deny, words, optional }: BaselineRule): boolean =>
  mode === 'enforce' &&
  allow !== undefined &&
  deny === undefined &&
  words === undefined &&
  optional === undefined &&
  allow.every(({ set }) => set === undefined);

const digestsOf = (one: AllowedMeasurement): string =>
  STRONG_BANKS.map((bank) => one[bank] ?? '').join(' ');

function sharesDigest({ allow = [] }: BaselineRule, other: BaselineRule): boolean {
  const digests = new Set(allow.map(digestsOf));
  return (other.allow ?? []).some((one) => digests.has(digestsOf(one)));
}

function sharesName({ allow = [] }: BaselineRule, other: BaselineRule): boolean {
  const names = new Set(allow.flatMap(({ name }) => name ?? []));
  return (other.allow ?? []).some(({ name }) => name !== undefined && names.has(name));
}

function timed({ times: _before, ...rule }: BaselineRule, times: number | undefined): BaselineRule {
  return times === undefined ? rule : { ...rule, times };
}

function freeId(id: string, taken: ReadonlySet<string>): string {
  if (!taken.has(id)) return id;
  for (let count = 2; ; count += 1) {
    const other = `${id.slice(0, 58)}-${count}`;
    if (!taken.has(other)) return other;
  }
}

/** Of rules that are met as often as the captured order names them; others may come at any place. */
function orderOf(
  { order }: Baseline,
  rules: readonly BaselineRule[],
  idOf: ReadonlyMap<string, string>,
): string[] | undefined {
  if (order === undefined) return undefined;
  const ids = order.flatMap((id) => idOf.get(id) ?? []);
  const counts = new Map([...Map.groupBy(ids, (id) => id)].map(([id, some]) => [id, some.length]));
  const fits = new Set(
    rules.flatMap(({ id, times = 1 }) => (counts.get(id) === times ? [id] : [])),
  );
  const left = ids.filter((id) => fits.has(id));
  return left.length === 0 ? undefined : left;
}
