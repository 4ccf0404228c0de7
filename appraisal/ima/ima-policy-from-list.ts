import { IMA_PCR, type ImaEntry } from '@touchstone/eventlog';
import type { FindingEffect, ImaFileSet, ImaPolicy } from '@touchstone/schemas';
import { BOOT_AGGREGATE } from './boot-aggregate.ts';
import { formatImaFileLine } from './ima-file-lines.ts';

export type ImaPolicyOptions = {
  /** `enforce` unless stated. */
  readonly mode?: FindingEffect;
  /** Whether what was measured under this path is to be left out. */
  readonly without?: (path: string) => boolean;
  /** The package that a file is of. Those of one are one set. */
  readonly packageOf?: (path: string) => Pick<ImaFileSet, 'from' | 'version'> | undefined;
};

const ALGORITHM_SIZES: Readonly<Record<string, number>> = {
  sha1: 20,
  sha256: 32,
  sha384: 48,
  sha512: 64,
};

/**
 * A policy that allows what a list shows, by path: each content once, sorted, files of no package first. Left
 * out are violations, the boot_aggregate, entries of another PCR, digests of no algorithm that a policy speaks
 * of, and names that no line can hold. Undefined where nothing is left. What it says is worth as much as the
 * list: read it before it is approved.
 */
export function imaPolicyFromList(
  entries: Iterable<ImaEntry>,
  { mode = 'enforce', without = () => false, packageOf = () => undefined }: ImaPolicyOptions = {},
): ImaPolicy | undefined {
  const sets = new Map<string, { of: Pick<ImaFileSet, 'from' | 'version'>; lines: Set<string> }>();
  for (const entry of entries) {
    const measured = measuredFile(entry);
    if (measured === undefined || without(measured.path)) continue;
    const of = packageOf(measured.path) ?? {};
    const key = JSON.stringify([of.from, of.version]);
    let set = sets.get(key);
    if (set === undefined) sets.set(key, (set = { of, lines: new Set() }));
    set.lines.add(lineOf(measured));
  }
  if (sets.size === 0) return undefined;
  const files = [...sets]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { of, lines }]) => ({
      ...of,
      digests: `${[...lines].toSorted(byPath).join('\n')}\n`,
    }));
  return { mode, files };
}

type MeasuredFile = { readonly path: string; readonly digest: string };

function measuredFile({ pcr, violation, digest, name }: ImaEntry): MeasuredFile | undefined {
  if (pcr !== IMA_PCR || violation || digest === undefined || name === undefined) return undefined;
  const bytes = Buffer.from(name);
  const path = bytes.toString('utf8');
  const readable = Buffer.compare(Buffer.from(path, 'utf8'), bytes) === 0 && isForLine(path);
  const sound = ALGORITHM_SIZES[digest.algorithm] === digest.value.length;
  if (!readable || !sound || path === BOOT_AGGREGATE) return undefined;
  return { path, digest: Buffer.from(digest.value).toString('hex') };
}

function isForLine(path: string): boolean {
  try {
    formatImaFileLine({ digest: '', path });
    return !path.includes(' ');
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const lineOf = (file: MeasuredFile): string => formatImaFileLine(file);

const pathIn = (line: string): string => line.slice(line.indexOf(' ') + 2);

function byPath(a: string, b: string): number {
  const [first, second] = [pathIn(a), pathIn(b)];
  if (first !== second) return first < second ? -1 : 1;
  return a < b ? -1 : 1;
}
