/**
 * `npm run check`: everything that can be told without running the product, each check counted once,
 * and one closing line. All are run even when one fails.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { close } from './counts.ts';
import { clockReadings, misjudgedImports, switchedOff } from './import-directions.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = { cwd: root, exclude: ['**/node_modules/**'] };

/** What a check has to complain of; nothing when all is well. */
type Check = () => string;

const CHECKS: readonly (readonly [name: string, check: Check])[] = [
  ['types', () => complaintsOf('tsc', '-p', '.')],
  ['types of the page', () => complaintsOf('tsc', '-p', 'web')],
  ['import directions: the lint sees every breach', () => misjudgedImports(root).join('\n')],
  ['import directions: none is switched off', () => switchedOff(root).join('\n')],
  ['pure rooms ask no clock', () => clockReadings(root).join('\n')],
  ['lint', lint],
  ['format', () => complaintsOf('prettier', '--check', '--log-level=warn', '.')],
  ['dead code', () => complaintsOf('knip', '--no-progress', '--no-config-hints')],
  [
    'dead code, tests apart',
    () => complaintsOf('knip', '--no-progress', '--no-config-hints', '--production'),
  ],
  ['page of reason codes', reasonCodes],
  ['shell scripts parse', shellScriptsParse],
];

/** Runs a tool of node_modules. A tool that cannot be run has a complaint too. */
function complaintsOf(tool: string, ...args: readonly string[]): string {
  return outputUnlessWell(join(root, 'node_modules/.bin', tool), args);
}

function outputUnlessWell(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status === 0) return '';
  return `${stdout}${stderr}${error?.message ?? ''}`.trim() || `exit code ${status}`;
}

/** The tree's import directions and all else. That it saw the whole tree is checked, not believed. */
function lint(): string {
  const args = ['--type-aware', '--format=unix', '--disable-nested-config', '--deny-warnings'];
  const complaints = complaintsOf('oxlint', ...args);
  if (complaints) return complaints;
  const { stdout } = spawnSync(
    join(root, 'node_modules/.bin/oxlint'),
    ['--format=json', '--disable-nested-config'],
    { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  const { number_of_files: seen } = JSON.parse(stdout) as { number_of_files: number };
  const there = globSync(['*/**/*.ts', '*/**/*.tsx', '*/**/*.mjs'], SOURCES).length;
  return seen >= there ? '' : `oxlint saw ${seen} files of ${there}`;
}

/** Another process: the tables are modules, and modules load in their own time. */
function reasonCodes(): string {
  return outputUnlessWell(process.execPath, ['test/support/reason-codes.ts', '--check']);
}

function shellScriptsParse(): string {
  const scripts = [...globSync('{deploy,agent}/**/*.sh', SOURCES), '.ci/run'];
  return scripts
    .map((script) => outputUnlessWell(script.endsWith('.sh') ? 'sh' : 'bash', ['-n', script]))
    .join('');
}

let passed = 0;
for (const [name, check] of CHECKS) {
  const begun = performance.now();
  const complaints = check();
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(`${complaints ? 'FAILED' : 'ok    '} ${name} (${seconds} s)`);
  if (complaints) console.log(complaints.replace(/^/gm, '  '));
  else passed += 1;
}
process.exitCode = close({ passed, failed: CHECKS.length - passed, skipped: 0 });
