import { basename, dirname } from 'node:path';
import type {
  AllowedMeasurement,
  AssuranceClass,
  Baseline,
  BaselinePart,
  BaselineRule,
  Labels,
} from '@touchstone/schemas';
import { ParseError, type StrongHash } from '@touchstone/tpm';
import { eventTypeOf } from './event-type.ts';
import type { PcrlockRecord } from './parse-pcrlock.ts';

export type PcrlockFile = { readonly path: string; readonly records: readonly PcrlockRecord[] };

export type PcrlockOptions = {
  readonly name: string;
  readonly version: number;
  readonly labels: Labels;
  readonly classes: readonly AssuranceClass[];
  readonly banks: readonly StrongHash[];
};

export type PcrlockDraft = {
  readonly baselines: readonly Baseline[];
  /** Records that became no rule, for nobody can tell the type of their events: by component and PCR. */
  readonly leftOut: readonly string[];
};

/** A measurement of a component: how often each of its variants has it. */
type Measured = {
  readonly allowed: AllowedMeasurement;
  readonly pcr: number;
  readonly type: string;
  readonly counts: Map<string, number>;
};

/**
 * Rules out of .pcrlock files. The files of a folder NNN-NAME.pcrlock.d are variants of one component, of which
 * any will do; a file by itself is a component of one variant. In which order components come counts
 * for nothing, for a log says that itself.
 *
 * What all variants of a component have is required as often as they have it. What only some have is one rule,
 * met as often as each variant asks for; where variants ask for different numbers, each of its measurements may
 * be there or not.
 *
 * @throws ParseError PCRLOCK_DIGEST_MISSING, PCRLOCK_COMPONENT_TWICE
 */
export function draftFromPcrlock(
  files: readonly PcrlockFile[],
  options: PcrlockOptions,
): PcrlockDraft {
  const components = componentsOf(files);
  const leftOut = new Set<string>();
  const byPart = new Map<BaselinePart, BaselineRule[]>();
  const seen = new Map<string, string>();
  for (const [component, variants] of components) {
    const measured = measurementsOf(component, variants, options.banks, leftOut);
    for (const [slot, some] of Map.groupBy(measured, ({ pcr, type }) => `${pcr} ${type}`)) {
      for (const { allowed } of some) {
        const key = `${slot} ${allowed.sha256} ${allowed.sha384} ${allowed.sha512}`;
        const other = seen.get(key);
        if (other !== undefined) {
          throw new ParseError('PCRLOCK_DIGEST_TWICE', `${other} and ${component}`, 0);
        }
        seen.set(key, component);
      }
      const [first] = some;
      if (first === undefined) continue;
      const part = partOf(first.pcr);
      byPart.set(part, [...(byPart.get(part) ?? []), ...rulesOf(component, variants, some)]);
    }
  }
  const { name, version, labels, classes, banks } = options;
  const baselines = [...byPart].map(([part, rules]): Baseline => ({
    ...{ kind: 'baseline', part, name, version },
    match: { labels: { ...labels }, class: [...classes] },
    banks: [...banks],
    rules: withIds(rules),
  }));
  return { baselines, leftOut: [...leftOut] };
}

function componentsOf(files: readonly PcrlockFile[]): Map<string, readonly PcrlockFile[]> {
  const components = new Map<string, PcrlockFile[]>();
  for (const file of files) {
    const folder = basename(dirname(file.path));
    const isVariant = folder.endsWith('.pcrlock.d');
    const component = (isVariant ? folder : basename(file.path)).replace(/\.pcrlock(\.d)?$/u, '');
    const before = components.get(component) ?? [];
    // systemd takes the file of the first of its folders; which that is nobody said.
    if (before.some(({ path }) => basename(path) === basename(file.path) || !isVariant)) {
      throw new ParseError('PCRLOCK_COMPONENT_TWICE', file.path, 0);
    }
    components.set(component, [...before, file]);
  }
  return new Map([...components].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function measurementsOf(
  component: string,
  variants: readonly PcrlockFile[],
  banks: readonly StrongHash[],
  leftOut: Set<string>,
): Measured[] {
  const found = new Map<string, Measured>();
  for (const { path, records } of variants) {
    for (const [index, record] of records.entries()) {
      const digests = digestsIn(banks, record, `${path}: /records/${index}/digests`);
      const [bank = 'sha256'] = banks;
      const type = eventTypeOf(component, record, bank);
      const { pcr } = record;
      if (type === undefined) {
        leftOut.add(`${component}, PCR ${pcr}`);
        continue;
      }
      const key = `${pcr} ${type} ${Object.values(digests).join(' ')}`;
      const isOne = variants.length === 1;
      const name = isOne ? component : `${component}: ${basename(path, '.pcrlock')}`;
      const one = found.get(key) ?? {
        ...{ allowed: { ...digests, name, from: basename(path) }, pcr, type, counts: new Map() },
      };
      one.counts.set(path, (one.counts.get(path) ?? 0) + 1);
      found.set(key, one);
    }
  }
  return [...found.values()];
}

function digestsIn(
  banks: readonly StrongHash[],
  { digests }: PcrlockRecord,
  place: string,
): Partial<Record<StrongHash, string>> {
  return Object.fromEntries(
    banks.map((bank) => {
      const digest = digests.get(bank);
      if (digest === undefined)
        throw new ParseError('PCRLOCK_DIGEST_MISSING', `${place}, ${bank}`, 0);
      return [bank, digest];
    }),
  );
}

function rulesOf(
  component: string,
  variants: readonly PcrlockFile[],
  measured: readonly Measured[],
): BaselineRule[] {
  const countIn = ({ counts }: Measured, { path }: PcrlockFile) => counts.get(path) ?? 0;
  const isShared = (one: Measured) =>
    variants.every((variant) => countIn(one, variant) === one.counts.values().next().value);
  const rule = ({ pcr, type }: Measured, allow: AllowedMeasurement[], times = 1): BaselineRule => ({
    ...{ id: component, mode: 'enforce', pcr, type },
    ...(times > 1 ? { times } : {}),
    allow,
  });
  const shared = measured
    .filter(isShared)
    .map((one) => rule(one, [one.allowed], one.counts.values().next().value));
  const own = measured.filter((one) => !isShared(one));
  const [first] = own;
  if (first === undefined) return shared;
  const totals = variants.map((variant) =>
    own.reduce((sum, one) => sum + countIn(one, variant), 0),
  );
  const [total = 0] = totals;
  if (totals.every((each) => each === total)) {
    return [
      ...shared,
      rule(
        first,
        own.map(({ allowed }) => allowed),
        total,
      ),
    ];
  }
  return [
    ...shared,
    ...own.map((one): BaselineRule => ({ ...rule(one, [one.allowed]), optional: true })),
  ];
}

/** As captures divide them. */
function partOf(pcr: number): BaselinePart {
  if (pcr === 7) return 'secureBoot';
  if (pcr <= 3 || pcr === 6) return 'firmware';
  return pcr === 8 || pcr === 12 ? 'commandLine' : 'bootChain';
}

/** Each rule by its component, numbered where there are several. */
function withIds(rules: readonly BaselineRule[]): BaselineRule[] {
  const used = new Map<string, number>();
  return rules.map((rule) => {
    const stem =
      rule.id
        .toLowerCase()
        .replaceAll(/[^a-z0-9._-]+/gu, '-')
        .replace(/^[^a-z0-9]+/u, '')
        .slice(0, 56)
        .replace(/[^a-z0-9]+$/u, '') || 'component';
    const count = (used.get(stem) ?? 0) + 1;
    used.set(stem, count);
    return { ...rule, id: count === 1 ? stem : `${stem}.${count}` };
  });
}
