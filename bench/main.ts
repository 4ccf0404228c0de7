/**
 * `npm run bench`: what is fast enough is said by a ratio to a floor or a peer that is measured in the same run,
 * on the same core. bench/README.md says what each row is.
 */
import { arch } from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { type Deployment, startDeployment } from './deployment.ts';
import { CORES } from './processor.ts';
import { showProgress } from './progress.ts';
import type { Row, Run } from './row.ts';
import { GROUPS, ROWS } from './rows.ts';
import { type Measured, tableOf } from './table.ts';

/** sysexits.h */
const EX_USAGE = 64;
const EX_UNAVAILABLE = 69;

const HELP = `npm run bench -- [ROW ...] [--rounds N] [--hosts N] [--quick] [--json]

${ROWS.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`).join('\n')}

${Object.entries(GROUPS)
  .map(([group, rows]) => `  ${group.padEnd(8)} ${rows.map(({ name }) => name).join(', ')}`)
  .join('\n')}

  --rounds N  measure each so often, in turns with what it is held against; the median counts (7)
  --hosts N   of the larger fleet of http, which takes the longest to make (100000)
  --quick     small fleets, few calls: shows that everything runs, and its figures say nothing
  --json      machine-readable output

Exits with 0 when all is reached, 1 when something is missed. What this machine has no files for is told
and left out.
`;

async function main(argv: readonly string[]): Promise<number> {
  const { rows, rounds, hosts, quick, json, help } = asked(argv);
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  const figures = await measureAll(rows, { rounds, hosts, quick });
  const reached = figures.every((figure) => figure.reached);
  const machine = { node: process.version, arch: arch(), cores: CORES };
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ ...machine, rounds, quick, figures, reached }, null, 2)}\n`,
    );
  } else {
    const { node, cores } = machine;
    const title = `Touchstone on Node ${node.slice(1)}, ${cores} cores (${machine.arch}), the median of ${rounds} rounds`;
    const note = quick ? '\n--quick: the figures say nothing.\n' : '';
    process.stdout.write(`\n${title}\n\n${tableOf(figures)}\n${note}\n`);
  }
  return reached ? 0 : 1;
}

async function measureAll(
  rows: readonly Row[],
  options: Pick<Run, 'rounds' | 'hosts' | 'quick'>,
): Promise<Measured[]> {
  const figures: Measured[] = [];
  let started: Promise<Deployment> | undefined;
  try {
    for (const { name, measure, lacks } of rows) {
      using progress = showProgress(name);
      const missing = lacks?.();
      if (missing !== undefined) {
        process.stderr.write(`${name}: not measured, ${missing}\n`);
        continue;
      }
      const deployment = () => {
        if (started === undefined) progress('starting PostgreSQL, the CA and the server');
        started ??= startDeployment();
        return started;
      };
      const measured = await measure({ ...options, progress, deployment });
      figures.push(...measured.map((figure) => ({ row: name, ...figure })));
    }
    return figures;
  } finally {
    await (await started)?.[Symbol.asyncDispose]();
  }
}

function asked(argv: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      hosts: { type: 'string', default: '100000' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const named = positionals.flatMap((name) => GROUPS[name]?.map((row) => row.name) ?? [name]);
  const unknown = named.find((name) => ROWS.every((row) => row.name !== name));
  if (unknown !== undefined) throw new TypeError(`no row is called ${unknown}`);
  const rounds = values.rounds ?? (values.quick ? '2' : '7');
  if (!/^[1-9][0-9]{0,2}$/u.test(rounds)) throw new TypeError('--rounds takes a number from 1');
  const hosts = Number(values.hosts);
  if (!/^[1-9][0-9]{2,6}$/u.test(values.hosts)) throw new TypeError('--hosts takes 100 or more');
  const wanted = ({ name }: Row) => named.length === 0 || named.includes(name);
  return { ...values, hosts, rounds: Number(rounds), rows: ROWS.filter(wanted) };
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const usage = error instanceof TypeError;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`bench: ${message}\n${usage ? `\n${HELP}` : ''}`);
  process.exitCode = usage ? EX_USAGE : EX_UNAVAILABLE;
}
