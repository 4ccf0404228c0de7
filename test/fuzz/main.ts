/**
 * `npm run fuzz`: changed inputs for every parser that bytes from outside reach. No crash, no hang, nothing
 * read that is not what came in, no buffers beyond twice the input. What it finds becomes a test.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Campaign, type Finding, runCampaign } from './campaign.ts';
import { inputsOf } from './inputs.ts';
import { hasCorpus, requireNamedCorpus } from './seeds.ts';
import { TARGETS } from './targets/all.ts';
import { tryInput } from './trial.ts';

const USAGE = `usage: npm run fuzz -- [TARGET ...] [--inputs N] [--run N] [--replay FILE]

  TARGET       ${TARGETS.map(({ name }) => name).join(', ')}
               (default: all of them)
  --inputs N   so many inputs a parser (default: 20000; a campaign: 1000000)
  --run N      decides what the inputs are (default: by the time, and said)
  --replay F   gives the bytes of a file to one TARGET, once`;

const HANG_MS = 30_000;

process.exitCode = await main();

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  const asked = readArguments();
  if (asked === null) {
    console.error(USAGE);
    return 64;
  }
  requireNamedCorpus();
  if (asked.replay !== undefined) return replay(asked.targets, asked.replay);
  const { run, inputs } = asked;
  console.log(
    `run ${run}: ${inputs} inputs a parser, ${hasCorpus ? 'seeded from the corpus' : 'without a corpus: only from the seeds made here'}`,
  );
  const findings: Finding[] = [];
  for (const target of asked.targets) {
    findings.push(...(await fuzz({ target, run, count: inputs })));
  }
  for (const finding of findings) report(finding, run, inputs);
  console.log(`${asked.targets.length} parsers, ${findings.length} findings`);
  return findings.length === 0 ? 0 : 1;
}

async function fuzz(campaign: Campaign): Promise<readonly Finding[]> {
  const started = performance.now();
  const name = campaign.target.padEnd(20);
  const { tried, findings } = await runCampaign(campaign, {
    module: new URL('targets/all.ts', import.meta.url),
    hangMs: HANG_MS,
    onProgress: (done) => {
      if (process.stdout.isTTY) process.stdout.write(`\r${name}${done}`);
    },
  });
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  const verdict = findings.length === 0 ? 'ok' : `${findings.length} FOUND`;
  if (process.stdout.isTTY) process.stdout.write('\r');
  console.log(`${name}${String(tried).padStart(8)} inputs ${seconds.padStart(7)} s  ${verdict}`);
  return findings;
}

/** Where the input can be made again, it is kept as a file. */
function report(finding: Finding, run: number, count: number): void {
  const { target, kind, number, detail } = finding;
  const bytes = finding.bytes ?? inputNumber({ target, run, count }, number);
  const file = join(mkdtempSync(join(tmpdir(), 'touchstone-fuzz-')), `${target}-${kind}.bin`);
  writeFileSync(file, bytes);
  console.log(`\n${kind} in ${target}, input ${number} of run ${run}: ${detail}`);
  console.log(`again: npm run fuzz -- ${target} --replay ${file}`);
}

function inputNumber({ target, run, count }: Campaign, number: number): Uint8Array {
  const seeds = TARGETS.find(({ name }) => name === target)?.seeds() ?? [];
  let at = 0;
  for (const bytes of inputsOf(seeds, { run, count })) {
    if (at === number) return bytes;
    at += 1;
  }
  throw new Error(`there is no input ${number}`);
}

function replay(targets: readonly string[], file: string): number {
  const target = TARGETS.find(({ name }) => name === targets[0]);
  if (target === undefined || targets.length !== 1) {
    console.error(USAGE);
    return 64;
  }
  const fault = tryInput(target, readFileSync(file));
  console.log(fault === null ? 'nothing is wrong' : `${fault.kind}: ${fault.detail}`);
  return fault === null ? 0 : 1;
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        inputs: { type: 'string', default: '20000' },
        run: { type: 'string', default: String(Math.floor(Date.now() / 1_000) % 1_000_000) },
        replay: { type: 'string' },
      },
    });
    const [inputs, run] = [wholeNumber(values.inputs), wholeNumber(values.run)];
    const known = positionals.every((wanted) => TARGETS.some(({ name }) => name === wanted));
    if (inputs === null || inputs === 0 || run === null || !known) return null;
    const targets = positionals.length > 0 ? positionals : TARGETS.map(({ name }) => name);
    return { targets, inputs, run, replay: values.replay };
  } catch {
    return null;
  }
}

function wholeNumber(text: string): number | null {
  return /^[0-9]{1,9}$/u.test(text) ? Number(text) : null;
}
