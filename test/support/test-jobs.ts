import { globSync, statSync } from 'node:fs';

/** Test files that one mocha process runs, one after another. */
export type Job = { readonly name: string; readonly files: readonly string[] };

/**
 * Every test of the house, in jobs that need nothing of each other: a room's own tests are one, and each file
 * of those that cross rooms, which start whole deployments, is one. What there is most of comes first, lest a
 * long job be left over at the end.
 */
export function allJobs(cwd: string): Job[] {
  const rooms = Map.groupBy(globSync('*/test/**/*.test.ts', { cwd }).toSorted(), roomOf);
  const crossing = globSync('test/**/*.test.ts', { cwd }).toSorted();
  rooms.delete('test');
  return [
    ...[...rooms].map(([name, files]) => ({ name, files })).toSorted(larger(cwd)),
    ...crossing.map((file) => ({ name: file, files: [file] })).toSorted(larger(cwd)),
  ];
}

const roomOf = (path: string): string => path.slice(0, path.indexOf('/'));

function larger(cwd: string): (a: Job, b: Job) => number {
  const size = ({ files }: Job) =>
    files.reduce((sum, file) => sum + statSync(`${cwd}/${file}`).size, 0);
  return (a, b) => size(b) - size(a);
}
