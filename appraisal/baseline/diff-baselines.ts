import { isDeepStrictEqual } from 'node:util';
import type {
  AllowedMeasurement,
  Baseline,
  BaselineRule,
  DeniedMeasurement,
} from '@touchstone/schemas';
import { STRONG_BANKS } from '../strong-bank.ts';

/** One thing that differs. `before` is absent for what was added, `after` for what was removed. */
export type BaselineChange = {
  /** `document`, `version`, `match`, .. `rule`, `mode`, .. `allow`, `deny`: the field that differs. */
  readonly what: string;
  readonly rule?: string;
  readonly before?: string;
  readonly after?: string;
};

/** What differs between two documents of one part and name; both versions where both are there. */
export type BaselineDiff = {
  readonly part: Baseline['part'];
  readonly name: string;
  readonly before?: number;
  readonly after?: number;
  readonly changes: readonly BaselineChange[];
  /** The same for people: `+`, `-` or `~`, the rule, and what it is about. */
  readonly lines: readonly string[];
};

/** Documents are compared by part and name, rules by id, measurements by digest and then by name. */
export function diffBaselines(
  before: readonly Baseline[],
  after: readonly Baseline[],
): BaselineDiff[] {
  const key = ({ part, name }: Baseline) => `${part} ${name}`;
  const olds = Map.groupBy(before, key);
  const news = Map.groupBy(after, key);
  return [...new Set([...olds.keys(), ...news.keys()])].flatMap((one) => {
    const [old, now] = [newestOf(olds.get(one)), newestOf(news.get(one))];
    const document = old ?? now;
    if (document === undefined) return [];
    const changes = documentChanges(old, now);
    if (changes.length === 0) return [];
    const { part, name } = document;
    const versions = {
      ...(old === undefined ? {} : { before: old.version }),
      ...(now === undefined ? {} : { after: now.version }),
    };
    return [{ part, name, ...versions, changes, lines: changes.map(lineOf) }];
  });
}

const newestOf = (some: readonly Baseline[] = []): Baseline | undefined =>
  some.toSorted((a, b) => b.version - a.version)[0];

function documentChanges(old: Baseline | undefined, now: Baseline | undefined): BaselineChange[] {
  const head: BaselineChange[] = [];
  if (old === undefined || now === undefined) {
    head.push({ what: 'document', ...sides(old && textOf(old), now && textOf(now)) });
  } else {
    for (const what of HEAD) head.push(...changeOf(what, old[what], now[what]));
  }
  const byId = (baseline: Baseline | undefined) =>
    new Map((baseline?.rules ?? []).map((rule) => [rule.id, rule]));
  const [olds, news] = [byId(old), byId(now)];
  const ids = [...new Set([...olds.keys(), ...news.keys()])];
  return [...head, ...ids.flatMap((id) => ruleChanges(id, olds.get(id), news.get(id)))];
}

const textOf = ({ part, name, version }: Baseline): string => `${part} ${name} version ${version}`;

const HEAD = [
  ...(['version', 'match', 'expires', 'banks', 'independent', 'quirks', 'secureBoot'] as const),
  ...(['tpm', 'ima', 'order'] as const),
];

const RULE = ['mode', 'pcr', 'type', 'times', 'optional', 'words', 'why'] as const;

function ruleChanges(
  rule: string,
  old: BaselineRule | undefined,
  now: BaselineRule | undefined,
): BaselineChange[] {
  const told = (one: BaselineRule | undefined) => one && `${one.mode}, PCR ${one.pcr}, ${one.type}`;
  const fields =
    old === undefined || now === undefined
      ? [{ what: 'rule', ...sides(told(old), told(now)) }]
      : RULE.flatMap((what) => changeOf(what, old[what], now[what]));
  const lists = (['allow', 'deny'] as const).flatMap((what) =>
    measurementChanges(what, old?.[what] ?? [], now?.[what] ?? []),
  );
  return [...fields, ...lists].map((change) => ({ ...change, rule }));
}

type Measurement = AllowedMeasurement | DeniedMeasurement;

function measurementChanges(
  what: string,
  olds: readonly Measurement[],
  news: readonly Measurement[],
): BaselineChange[] {
  const [before, after] = [byDigest(olds), byDigest(news)];
  const gone = olds.filter((one) => !after.has(digestOf(one)));
  const come = news.filter((one) => !before.has(digestOf(one)));
  const changes = olds.flatMap((old) => {
    const now = after.get(digestOf(old));
    if (now === undefined || isDeepStrictEqual(old, now)) return [];
    return [{ what, before: measurementText(old), after: measurementText(now) }];
  });
  for (const old of gone) {
    const at = come.findIndex(({ name }) => name !== undefined && name === old.name);
    const [now] = at < 0 ? [] : come.splice(at, 1);
    changes.push({ what, before: measurementText(old), after: now ? measurementText(now) : '' });
  }
  return [
    ...changes.map(({ before: was, after: is }) => ({ what, ...sides(was, is || undefined) })),
    ...come.map((now) => ({ what, after: measurementText(now) })),
  ];
}

const byDigest = (some: readonly Measurement[]) => new Map(some.map((one) => [digestOf(one), one]));

const digestOf = (one: Measurement): string =>
  STRONG_BANKS.flatMap((bank) => one[bank] ?? []).join(' ');

/** `grubx64.efi 2.06-13+deb12u2 (grub-efi-amd64-signed) sha256 a68f6d71ebdd..`. */
function measurementText(one: Measurement): string {
  const bank = STRONG_BANKS.find((name) => one[name] !== undefined) ?? 'sha256';
  const { set, lockdown, kexec, why } = {
    set: undefined,
    lockdown: undefined,
    kexec: undefined,
    why: undefined,
    ...one,
  };
  const said = [
    ...(one.name === undefined ? [] : [one.name]),
    ...(one.version === undefined ? [] : [one.version]),
    ...(one.from === undefined ? [] : [`(${one.from})`]),
    `${bank} ${one[bank] ?? ''}`,
    ...(set === undefined ? [] : [`set ${set}`]),
    ...(lockdown === undefined ? [] : ['lockdown']),
    ...(kexec === undefined ? [] : [`kexec ${kexec}`]),
    ...(why === undefined ? [] : [`because ${why}`]),
  ];
  return said.join(' ');
}

function changeOf(what: string, before: unknown, after: unknown): BaselineChange[] {
  if (isDeepStrictEqual(before, after)) return [];
  return [{ what, ...sides(shown(before), shown(after)) }];
}

function shown(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const sides = (before: string | undefined, after: string | undefined) => ({
  ...(before === undefined ? {} : { before }),
  ...(after === undefined ? {} : { after }),
});

function lineOf({ what, rule, before, after }: BaselineChange): string {
  const where =
    rule === undefined ? what : what === 'rule' ? `rule ${rule}` : `rule ${rule}, ${what}`;
  if (before === undefined) return `+ ${where}: ${after}`;
  if (after === undefined) return `- ${where}: ${before}`;
  return `~ ${where}: ${before} -> ${after}`;
}
