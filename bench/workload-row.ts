import { hash, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import {
  appraiseImaSegment,
  baselinesFromLog,
  imaPolicyFromList,
  judgeMeasurements,
  type Measurements,
} from '@touchstone/appraisal';
import {
  IMA_PCR,
  imaEntries,
  ImaReplay,
  parseEventLog,
  replayEventLog,
} from '@touchstone/eventlog';
import {
  hashHex,
  parseTpm2bPublic,
  parseTpmsAttest,
  parseTpmtSignature,
  pcrDigest,
  type PcrValues,
  publicKeyOf,
  verifyTpmSignature,
} from '@touchstone/tpm';
import { medianRound, type Round } from './median.ts';
import { MEASURED_CORE, pin } from './processor.ts';
import type { Figure, Row, Run } from './row.ts';

const CORPUS = process.env['TOUCHSTONE_CORPUS'];
const REACH = 2;
/** What the firmware of this machine is known for. */
const QUIRKS = ['CONFIGURATION_AFTER_SEPARATOR', 'DMA_PROTECTION_DISABLED'];
/** Milliseconds: Keylime's library on these very bytes, measured on the machine on which this project was planned. */
const KEYLIME_MS = 159;

export const workload: Row = {
  name: 'workload',
  summary:
    'one whole appraisal of a recorded machine, against its signature check and hashes alone',
  lacks: () => (CORPUS === undefined ? 'TOUCHSTONE_CORPUS names no corpus' : undefined),
  measure,
};

async function measure({ rounds, quick, progress }: Run): Promise<Figure[]> {
  progress('reading the machine');
  const machine = recordedMachine(join(CORPUS ?? '', 'workload'));
  await pin(process.pid, MEASURED_CORE);
  const calls = quick ? 2 : 40;
  const measured: Round[] = [];
  // The compiler has seen everything before anything counts.
  for (const work of [appraised, hashed]) timed(() => work(machine), 8 * calls);
  for (let round = 1; round <= rounds; round += 1) {
    progress(`round ${round} of ${rounds}`);
    const floor = timed(() => hashed(machine), calls);
    measured.push({ floor, measured: timed(() => appraised(machine), calls) });
  }
  const { ratio, measured: value, floor } = medianRound(measured);
  const what = 'quote, 153 events, 780 IMA entries';
  const reach = `under ${REACH} times`;
  return [
    {
      what,
      measured: { value: value / 1_000, unit: 'ms' },
      against: { name: 'verify and hashes', value: floor / 1_000, unit: 'ms' },
      ...{ ratio, reach, reached: ratio < REACH },
    },
    {
      what: 'the same beside Keylime, elsewhere',
      measured: { value: value / 1_000, unit: 'ms' },
      against: { name: 'Keylime', value: KEYLIME_MS, unit: 'ms' },
      ...{
        ratio: value / 1_000 / KEYLIME_MS,
        reach: 'under 1/40',
        reached: value / 1_000 < KEYLIME_MS / 40,
      },
    },
  ];
}

/** Microseconds of CPU for a call; what collects garbage counts too. */
function timed(work: () => void, calls: number): number {
  const before = process.cpuUsage();
  for (let call = 0; call < calls; call += 1) work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

type Machine = ReturnType<typeof recordedMachine>;

/** Its files, and policies that are content with it: to be fast at refusing is no art. */
function recordedMachine(folder: string) {
  const read = (name: string): Uint8Array => readFileSync(join(folder, name));
  const [attest, signature, ak] = [read('quote.msg'), read('sig.bin'), read('ak.tpm2b_public')];
  const [log, list, nonce] = [read('firmware.bin'), read('ima.txt'), read('nonce.bin')];
  const parsed = parseEventLog(log);
  const replayed = replayEventLog(parsed).banks.get('sha256');
  const entries = [...imaEntries(list)].map((entry) => ({
    ...entry,
    data: Uint8Array.from(entry.data),
  }));
  const running = new ImaReplay('sha256', 'hash');
  for (const { violation, data } of entries) running.extend(violation, data);
  const selection = parseTpmsAttest(attest).quote.pcrSelect;
  const values: PcrValues = new Map([
    [
      'sha256',
      new Map(
        (selection[0]?.pcrs ?? []).map((pcr) => [
          pcr,
          pcr === IMA_PCR ? running.value : (replayed?.get(pcr) ?? new Uint8Array(32)),
        ]),
      ),
    ],
  ]);
  const policy = imaPolicyFromList(entries);
  if (policy === undefined) throw new Error('no policy of this list');
  const still: PcrValues = new Map(
    [...values].map(([bank, held]) => [
      bank,
      new Map([...held].filter(([pcr]) => pcr !== IMA_PCR)),
    ]),
  );
  const documents = baselinesFromLog(parsed, {
    ...{ name: 'bench', class: 'discrete', labels: {}, versionOf: () => 1, quirks: QUIRKS },
  });
  const baselines = documents.map((baseline) => ({ baseline, banks: ['sha256'] as const }));
  const extended = parsed.events.filter((event) => event.extends);
  return {
    ...{ attest, signature, ak, log, list, nonce, values, still, baselines },
    policies: [{ document: 'runtime bench version 1', policy }],
    entries: entries.length,
    datas: [...extended.map(({ data }) => data), ...entries.map(({ data }) => data)],
    // The fastest that node:crypto has: nothing beside the key.
    bare: { key: publicKeyOf(parseTpm2bPublic(ak)), signature: signature.subarray(-256) },
  };
}

/** All that is done for a host that is seen for the first time, once its JSON was read. */
function appraised(machine: Machine): void {
  const { log, list, values, still, baselines, policies, entries } = machine;
  verifyQuote(machine);
  const digest = hashHex('sha256', log);
  const measurements: Measurements = {
    ...{ class: 'discrete', pcrs: still, bootLogs: [{ digest, bytes: log }], baselines },
  };
  const judged = judgeMeasurements(measurements);
  const ima = appraiseImaSegment(undefined, list, { policies, pcrs: values, fromEntry: 0 });
  const well = judged.log.worst !== 'enforce' && judged.events.worst !== 'enforce';
  if (well && ima.state === 'believed' && ima.believedEntries === entries) return;
  const found = [...judged.log.foremost, ...judged.events.foremost, ...ima.findings];
  throw new Error(`${ima.state}: ${found.map(({ code, subject }) => `${code} ${subject}`).join()}`);
}

function verifyQuote({ attest, signature, ak, nonce, values }: Machine): void {
  const quote = parseTpmsAttest(attest);
  const verdict = verifyTpmSignature({
    publicArea: parseTpm2bPublic(ak),
    signature: parseTpmtSignature(signature),
    message: attest,
  });
  const digest = pcrDigest(quote.quote.pcrSelect, values, 'sha256');
  // PCR 16 was quoted as well, and nobody wrote down what it held: of this digest only the making can be had.
  const made = digest.length === quote.quote.pcrDigest.length;
  if (verdict.ok && Buffer.compare(quote.extraData, nonce) === 0 && made) return;
  throw new Error('the quote is none');
}

/**
 * What no verifier can do without: the quote's signature; of each event and each entry of IMA a hash of what it
 * says, and one that extends a PCR; the log's own digest. In the form in which node:crypto is fastest.
 */
function hashed({ attest, log, datas, bare }: Machine): void {
  if (!verify('sha256', attest, bare.key, bare.signature)) throw new Error('the quote is none');
  hash('sha256', log, 'binary');
  for (const data of datas) {
    hash('sha256', data, 'binary');
    hash('sha256', EXTEND, 'binary');
  }
}

const EXTEND = Buffer.alloc(64);
