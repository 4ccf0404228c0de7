import type { FailMode, OnLoss, Vm, VmDisk } from '@touchstone/schemas';

/**
 * What a change of a VM's record would have more be trusted by, each in a few words; none: it tightens, or changes
 * nothing that anybody is held to. Tightening is an order: two changes that each tighten make one that does.
 *
 * - more classes, fewer or other labels of hosts, other images or any, warnings taken that were not;
 * - a disk that is not read any more, or whose key nobody asks for any more;
 * - a start where no verdict could be had, or a longer time for it;
 * - less that happens on loss of trust. To be held everywhere, and to be stopped where it runs, are two things: one in
 *   the other's place loosens.
 */
export function looseningsOf(before: Vm, after: Vm): string[] {
  return [
    ...classesMore(before, after),
    ...labelsLess(before, after),
    ...imagesMore(before, after),
    ...(before.warnings === 'refuse' && after.warnings !== 'refuse' ? ['takes warnings'] : []),
    ...disksLess(before.disks ?? [], after.disks ?? []),
    ...(patienceOf(after.failMode) > patienceOf(before.failMode)
      ? [`fail mode ${after.failMode?.mode ?? 'refuse'}`]
      : []),
    ...(keepsOnLoss(before.onLoss ?? 'flag', after.onLoss ?? 'flag')
      ? []
      : [`on loss of trust ${after.onLoss ?? 'flag'}`]),
  ];
}

const classesMore = (before: Vm, after: Vm): string[] =>
  after.classes.filter((each) => !before.classes.includes(each)).map((each) => `class ${each}`);

const labelsLess = (before: Vm, after: Vm): string[] =>
  Object.entries(before.hostLabels)
    .filter(
      ([key, value]) => !Object.hasOwn(after.hostLabels, key) || after.hostLabels[key] !== value,
    )
    .map(([key, value]) => `not only hosts with ${key}=${value}`);

function imagesMore(before: Vm, after: Vm): string[] {
  if (before.images.length === 0) return [];
  if (after.images.length === 0) return ['any image'];
  return after.images
    .filter((each) => !before.images.includes(each))
    .map((each) => `image ${each}`);
}

/**
 * A disk that is not named is read; the key of a sealed one is asked for, and its VM never starts without a verdict, nor
 * from a file that nobody saw saved; data has neither, so that both are tighter.
 */
function disksLess(before: readonly VmDisk[], after: readonly VmDisk[]): string[] {
  const kindIn = (disks: readonly VmDisk[], disk: string) =>
    disks.find(({ name }) => name === disk)?.kind ?? 'read';
  const names = new Set([...before, ...after].map(({ name }) => name));
  return [...names].flatMap((name) => {
    const [from, to] = [kindIn(before, name), kindIn(after, name)];
    return from === to || from === 'data' ? [] : [`disk ${name} ${to}`];
  });
}

/** In seconds without a verdict. */
function patienceOf(failMode: FailMode = { mode: 'refuse' }): number {
  switch (failMode.mode) {
    case 'refuse':
      return 0;
    case 'allow-if-attested-within':
      return failMode.seconds;
    case 'allow-and-flag':
      return Infinity;
  }
}

/** By what each does: what it comes after in this list it does as well. */
const DOES: Readonly<Record<OnLoss, readonly OnLoss[]>> = {
  flag: ['flag'],
  'no-new-starts': ['flag', 'no-new-starts'],
  pause: ['flag', 'pause'],
  shutdown: ['flag', 'pause', 'shutdown'],
};

const keepsOnLoss = (before: OnLoss, after: OnLoss): boolean => DOES[after].includes(before);
