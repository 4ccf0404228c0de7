import { globSync, statSync } from 'node:fs';

/** Test files that one mocha process runs, one after another. */
export type Job = { readonly name: string; readonly files: readonly string[] };

/** They run whole programs of ours, and take far longer than their size says. */
const LONG = ['test/e2e/demo.test.ts', 'test/bench.test.ts', 'test/fuzz/test/fuzz.test.ts'];

/**
 * Every test of the house, in jobs that need nothing of each other: a room's own tests are one, and each file
 * of those that cross rooms, which start whole deployments, is one. What takes longest comes first, lest a
 * long job be left over at the end; that is what there is most of, but for the few that are named above.
 */
export function allJobs(cwd: string): Job[] {
  const rooms = Map.groupBy(globSync('*/test/**/*.test.ts', { cwd }).toSorted(), roomOf);
  const crossing = globSync('test/**/*.test.ts', { cwd }).toSorted();
  rooms.delete('test');
  return [
    ...[...rooms].map(([name, files]) => ({ name, files })).toSorted(larger(cwd)),
    ...crossing
      .map((file) => ({ name: file, files: [file] }))
      .toSorted(larger(cwd))
      .toSorted(longer),
  ];
}

const roomOf = (path: string): string => path.slice(0, path.indexOf('/'));

const longer = (a: Job, b: Job): number =>
  Number(LONG.includes(b.name)) - Number(LONG.includes(a.name));

function larger(cwd: string): (a: Job, b: Job) => number {
  const size = ({ files }: Job) =>
    files.reduce((sum, file) => sum + statSync(`${cwd}/${file}`).size, 0);
  return (a, b) => size(b) - size(a);
}
