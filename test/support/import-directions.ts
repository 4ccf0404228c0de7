/**
 * The canary of the import directions. A lint that sees no module reports no breach either, so before
 * the tree is linted, a small house with every breach is, and with every import that is allowed: each
 * of the first must be reported, and none of the second.
 *
 * The table is written down here once more, and not derived from the lint's configuration.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const FLOORS: Readonly<Record<string, readonly string[]>> = {
  schemas: [],
  tpm: [],
  transport: ['schemas'],
  eventlog: ['tpm'],
  endorsement: ['tpm'],
  tss: ['tpm'],
  appraisal: ['schemas', 'tpm', 'eventlog', 'endorsement'],
  agent: ['schemas', 'transport', 'tpm', 'eventlog', 'endorsement', 'appraisal', 'tss'],
  ca: ['schemas', 'transport', 'tpm', 'eventlog', 'endorsement', 'appraisal'],
  server: ['schemas', 'transport', 'tpm', 'eventlog', 'endorsement', 'appraisal'],
  cli: ['schemas', 'transport', 'tpm', 'eventlog', 'endorsement', 'appraisal'],
  up: ['schemas', 'transport'],
  bench: ['schemas', 'transport', 'tpm', 'eventlog', 'endorsement', 'appraisal'],
  web: [],
};
/** The page takes the types of the wire, and leaves its checker out of the browser. */
const TYPES_ALONE: Readonly<Record<string, readonly string[]>> = { web: ['schemas'] };
const PURE = ['schemas', 'tpm', 'eventlog', 'endorsement', 'appraisal'];

/** Inside a room: what lies in the folder may not import these. */
const INNER: readonly (readonly [folder: string, breaches: readonly string[]])[] = [
  ['ca/issuance', ['../http/a.ts', 'koa', '@koa/router', 'undici', 'pg', '@touchstone/transport']],
  ['ca/issuance', ['node:http', 'node:https', 'node:http2', 'node:net', 'node:tls', 'node:dns']],
  ['server/http', ['../store/hosts.ts', '@touchstone/ca', '../../tpm/index.ts']],
  ['server/services', ['../http/routes.ts', '@touchstone/agent', '../../ca/index.ts']],
  ['server/store', ['../http/a.ts', '../services/a.ts', '@touchstone/cli', '../../up/index.ts']],
  ['server/gate', ['@touchstone/tpm', '@touchstone/eventlog', '@touchstone/endorsement']],
  ['server/gate', ['@touchstone/appraisal', '../services/a.ts', '../../appraisal/index.ts']],
  ['agent/tpm', ['../../tpm/index.ts', '../../server/index.ts', '@touchstone/up']],
  ['agent/test', ['@touchstone/tpm/reader.ts', '../../tpm/reader.ts', '../../server/main.ts']],
  ['test/e2e', ['@touchstone/tpm/reader.ts', '../../agent/main.ts']],
  ['web/views', ['node:fs', '../../schemas/operator.ts', '../../cli/show/state.ts']],
];

const ALLOWED: readonly (readonly [folder: string, imports: readonly string[]])[] = [
  ['web/views', ['../words.ts', './link.tsx', 'preact/hooks']],
  ['agent/evidence', ['../tpm/open.ts', './statement.ts', 'node-tpm2-tss-bindings', 'node:fs']],
  ['ca/issuance', ['../validation/a.ts', '@touchstone/tpm', '@peculiar/x509', 'node:crypto']],
  ['server/http', ['../services/hosts.ts', 'koa', '@touchstone/transport']],
  ['server/services', ['../store/hosts.ts', '../gate/permit.ts', '@touchstone/appraisal']],
  ['server/store', ['pg', '@touchstone/schemas']],
  ['server/gate', ['@touchstone/schemas', 'jose']],
  ['agent/test', ['../tpm/attester.ts', '../../test/support/swtpm.ts', '@touchstone/tpm']],
  ['tpm/test', ['../reader.ts', '../../test/support/swtpm.ts', 'node:fs', '@touchstone/eventlog']],
  ['test/e2e', ['../support/attack.ts', '@touchstone/tpm', '@touchstone/server']],
];

const IMPURE_IMPORTS = [
  ...['fs', 'fs/promises', 'net', 'http', 'child_process', 'os', 'process', 'worker_threads'],
  ...['dns', 'timers', 'timers/promises', 'perf_hooks', 'module'],
].map((module) => `import 'node:${module}';`);
const IMPURE_CODE = [
  ...['process.env', 'Date.now()', 'Math.random()', 'globalThis.process', 'performance.now()'],
  ...['crypto.randomUUID()', "fetch('')", 'setTimeout(String, 1)'],
].map((expression) => `export const value = ${expression};`);
const IMPURE_CRYPTO = ['randomBytes', 'randomUUID', 'generateKeyPairSync'].map(
  (name) => `import { ${name} } from 'node:crypto'; ${name};`,
);

interface Sample {
  readonly folder: string;
  readonly source: string;
  readonly isBreach: boolean;
}

const nameOf = (room: string) =>
  room === 'tss' ? 'node-tpm2-tss-bindings' : `@touchstone/${room}`;
const importing = (module: string) => `import '${module}';`;

function roomSamples(room: string, allowed: readonly string[]): Sample[] {
  const samples: Sample[] = [];
  const breach = (source: string, folder = room) =>
    samples.push({ folder, source, isBreach: true });
  for (const other of Object.keys(FLOORS)) {
    if (other === room) continue;
    const name = nameOf(other);
    if (allowed.includes(other)) {
      samples.push({ folder: room, source: importing(name), isBreach: false });
    } else if (TYPES_ALONE[room]?.includes(other)) {
      const types = `import type { A } from '${name}'; export type B = A;`;
      samples.push({ folder: room, source: types, isBreach: false });
      breach(importing(name));
      breach(`import { a } from '${name}'; a();`);
      breach(`export * from '${name}';`);
    } else {
      breach(importing(name));
      breach(`import { type A } from '${name}'; export type B = A;`);
      breach(`export * from '${name}';`);
      breach(`export const other = await import('${name}');`);
      breach(`export type B = import('${name}').A;`);
    }
    breach(importing(`${name}/behind-the-door.ts`));
    breach(importing(`../${other}/index.ts`));
    breach(importing(`../../${other}/index.ts`), `${room}/inner`);
  }
  breach(importing('../test/support/attack.ts'));
  if (PURE.includes(room)) {
    for (const source of [...IMPURE_IMPORTS, ...IMPURE_CODE, ...IMPURE_CRYPTO]) breach(source);
    samples.push({ folder: room, source: importing('node:crypto'), isBreach: false });
  }
  return samples;
}

function allSamples(): Sample[] {
  const inner = (table: typeof INNER, isBreach: boolean) =>
    table.flatMap(([folder, modules]) =>
      modules.map((module) => ({ folder, source: importing(module), isBreach })),
    );
  return [
    ...Object.entries(FLOORS).flatMap(([room, allowed]) => roomSamples(room, allowed)),
    ...inner(INNER, true),
    ...inner(ALLOWED, false),
  ];
}

/** Lints the small house with the tree's own configuration. Returns what was wrongly seen, or not seen. */
export function misjudgedImports(root: string): string[] {
  const house = mkdtempSync(join(tmpdir(), 'touchstone-canary-'));
  try {
    copyFileSync(join(root, '.oxlintrc.json'), join(house, '.oxlintrc.json'));
    const samples = new Map(
      allSamples().map((sample, index) => [`${sample.folder}/canary-${index}.ts`, sample]),
    );
    for (const [file, { source }] of samples) {
      mkdirSync(dirname(join(house, file)), { recursive: true });
      writeFileSync(join(house, file), `${source}\n`);
    }
    const reported = reportedFiles(root, house);
    return [...samples]
      .filter(([file, { isBreach }]) => reported.has(file) !== isBreach)
      .map(([, { folder, source, isBreach }]) =>
        isBreach ? `not reported in ${folder}: ${source}` : `reported in ${folder}: ${source}`,
      );
  } finally {
    rmSync(house, { recursive: true });
  }
}

const DIRECTION_RULES = [
  'eslint(no-restricted-imports)',
  'eslint(no-restricted-globals)',
  'eslint(no-restricted-properties)',
  'typescript(consistent-type-imports)',
];

function reportedFiles(root: string, house: string): Set<string> {
  const oxlint = resolve(root, 'node_modules/.bin/oxlint');
  const { stdout } = spawnSync(oxlint, ['--format=json', '--disable-nested-config', '.'], {
    cwd: house,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: readonly { readonly code: string; readonly filename: string }[];
  };
  return new Set(
    diagnostics
      .filter(({ code }) => DIRECTION_RULES.includes(code))
      .map(({ filename }) => filename),
  );
}

/** What no rule of the lint tells from `new Date(time)`: the pure rooms' lines that ask the clock. */
export function clockReadings(root: string): string[] {
  return globSync(`{${PURE.join()}}/**/*.ts`, { cwd: root, exclude: ['*/test/**'] }).flatMap(
    (file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .flatMap((line, index) =>
          /\bDate\(\s*\)/.test(line)
            ? [`${file}:${index + 1}: asks the clock: ${line.trim()}`]
            : [],
        ),
  );
}

/** A comment that switches the directions off would do so unseen. */
export function switchedOff(root: string): string[] {
  return globSync('*/**/*.{ts,tsx}', {
    cwd: root,
    exclude: ['node_modules/**', '*/node_modules/**'],
  })
    .filter((file) => {
      const comments = readFileSync(join(root, file), 'utf8').match(/(ox|es)lint-disable.*/g) ?? [];
      return comments.some((comment) => !/ [a-z]/.test(comment) || /no-restricted/.test(comment));
    })
    .map((file) => `${file}: a comment switches a direction off`);
}
