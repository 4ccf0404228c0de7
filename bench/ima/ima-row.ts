import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { appraiseImaSegment } from '@touchstone/appraisal';
import { HOUSE } from '../deployment.ts';
import { medianRound, type Round } from '../median.ts';
import { MEASURED_CORE, pin } from '../processor.ts';
import type { Figure, Row, Run } from '../row.ts';
import { type MadeList, madeList } from './made-list.ts';

const ENTRIES = 100_000;
const LONG = 1_000_000;
const REACH = 2.5;
/** What V8 has yet to collect differs from run to run; an object kept for each entry would triple it. */
const REACH_OF_MEMORY = 1.5;
const MB = 1_000_000;

export const ima: Row = {
  name: 'ima',
  summary:
    'a list of 100,000 entries against a policy of as many files, against two hashes an entry',
  measure,
};

async function measure({ rounds, quick, progress }: Run): Promise<Figure[]> {
  progress('making a list');
  const made = madeList(quick ? 1_000 : ENTRIES);
  await pin(process.pid, MEASURED_CORE);
  for (const work of [appraised, hashed]) timed(() => work(made));
  const measured: Round[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`round ${round} of ${rounds}`);
    measured.push({ floor: timed(() => hashed(made)), measured: timed(() => appraised(made)) });
  }
  progress('memory');
  return [entriesFigure(measured, made.datas.length), await memoryFigure(quick)];
}

function entriesFigure(rounds: readonly Round[], entries: number): Figure {
  const { ratio, measured, floor } = medianRound(rounds);
  return {
    what: 'an entry read, replayed, its digest checked, and found in the policy',
    measured: { value: measured / entries, unit: 'us' },
    against: { name: 'two SHA-256', value: floor / entries, unit: 'us' },
    ...{ ratio, reach: `under ${REACH} times`, reached: ratio < REACH },
  };
}

/** The whole of it: nothing is kept from one round to the next but the policy, as in a server. */
function appraised({ list, policy, pcrs, datas }: MadeList): void {
  const policies = [{ document: 'runtime bench version 1', policy }];
  const found = appraiseImaSegment(undefined, list, { policies, pcrs, fromEntry: 0 });
  const { state, believedEntries, findings } = found;
  if (state === 'believed' && believedEntries === datas.length && findings.length === 0) return;
  throw new Error(`${state}, ${believedEntries} entries, ${findings[0]?.code ?? 'no finding'}`);
}

/**
 * What no verifier can do without: a hash of each entry, and one that extends the PCR with it. In the form in which
 * node:crypto is fastest, which is text: in 0.25 us where a Buffer takes 0.9, and hash-wasm 0.6.
 */
function hashed({ datas, pcrs }: MadeList): void {
  const extend = Buffer.alloc(64);
  for (const data of datas) {
    extend.write(hash('sha256', data, 'binary'), 32, 'latin1');
    extend.write(hash('sha256', extend, 'binary'), 0, 'latin1');
  }
  const pcr10 = pcrs.get('sha256')?.get(10) ?? new Uint8Array();
  if (Buffer.compare(extend.subarray(0, 32), pcr10) !== 0) throw new Error('another PCR 10');
}

/** Microseconds of CPU; what collects garbage counts too. */
function timed(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function memoryFigure(quick: boolean): Promise<Figure> {
  const files = quick ? 1_000 : ENTRIES;
  const short = await memoryOf(madeList(files));
  const long = await memoryOf(madeList(quick ? 2_000 : LONG, files));
  const ratio = long / short;
  return {
    what: `memory of a process, beside a list of ${quick ? '2,000' : '1,000,000'} entries`,
    measured: { value: long / MB, unit: 'MB' },
    against: { name: `one of ${files}`, value: short / MB, unit: 'MB' },
    ...{ ratio, reach: `under ${REACH_OF_MEMORY} times`, reached: ratio < REACH_OF_MEMORY },
  };
}

async function memoryOf({ list, policy, pcrs }: MadeList): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'ts-bench-ima-'));
  try {
    const [listFile, policyFile] = [join(folder, 'list'), join(folder, 'policy')];
    await Promise.all([writeFile(listFile, list), writeFile(policyFile, JSON.stringify(policy))]);
    const pcr10 = Buffer.from(pcrs.get('sha256')!.get(10)!).toString('hex');
    const script = join(HOUSE, 'bench/ima/ima-memory.ts');
    // A small young generation, so that what is kept is seen, and not what waits to be collected.
    const args = ['--expose-gc', '--max-semi-space-size=2', script, listFile, policyFile, pcr10];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    return Number(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
}
