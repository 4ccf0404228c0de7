import assert from 'node:assert/strict';
import { judgeMeasurements, type Measurements } from '@touchstone/appraisal';
import {
  encodeEventLog,
  encodeSoftwareEvent,
  EV_EVENT_TAG,
  SOFTWARE_VENDOR_INFO,
} from '@touchstone/eventlog';
import { hash } from '@touchstone/tpm';
import { judgesApart } from '../services/judges-apart.ts';

function measurementsOf(events: number): Measurements {
  const bytes = encodeEventLog({
    vendorInfo: SOFTWARE_VENDOR_INFO,
    banks: ['sha256'],
    events: Array.from({ length: events }, (_, index) => ({
      pcr: 9,
      type: EV_EVENT_TAG,
      data: encodeSoftwareEvent({ kind: 'absent', path: `/${index}` }),
    })),
  });
  const pcrs = new Map([['sha256' as const, new Map([[9, hash('sha256').fill(7)]])]]);
  const bootLogs = [{ digest: Buffer.from(hash('sha256', bytes)).toString('hex'), bytes }];
  return { class: 'software', pcrs, bootLogs, baselines: [] };
}

/** How often the event loop came round until then. */
async function turnsUntil(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let done = false;
  const turn = () => {
    turns += 1;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  await work.finally(() => (done = true));
  return turns;
}

describe('A log of 65,000 events', () => {
  const measurements = measurementsOf(65_000);

  it('is judged while the event loop turns, and comes out as it would without', async () => {
    const judging = judgesApart().measurements(measurements);
    const turns = await turnsUntil(judging);
    assert.ok(turns > 100, `the event loop turned ${turns} times`);
    assert.deepEqual(await judging, judgeMeasurements(measurements));
  });

  it('would stop the event loop where it is not judged apart', async () => {
    const here = judgesApart({ largeLog: Infinity }).measurements;
    assert.ok((await turnsUntil(here(measurements))) < 10);
  });
});

describe('Judging on a thread of its own', () => {
  const small = measurementsOf(3);

  it('judges one after the other, each its own', async () => {
    const judge = judgesApart({ largeLog: 0 }).measurements;
    const all = [1, 2, 3, 4].map(measurementsOf);
    const judged = await Promise.all(all.map(judge));
    assert.deepEqual(judged, all.map(judgeMeasurements));
  });

  it('rejects what fails, and judges the next', async () => {
    const judge = judgesApart({ largeLog: 0 }).measurements;
    const broken = { ...small, baselines: [{ banks: [] }] } as unknown as Measurements;
    const unsendable = { ...small, baselines: [() => {}] } as unknown as Measurements;
    const [failed, unsent, good] = await Promise.allSettled([broken, unsendable, small].map(judge));
    assert.equal((failed as PromiseRejectedResult).reason.name, 'JudgeFailed');
    assert.equal((unsent as PromiseRejectedResult).reason.name, 'DataCloneError');
    assert.equal(good?.status, 'fulfilled');
  });

  it('rejects when its memory does not suffice, and the process goes on', async () => {
    const judge = judgesApart({ memoryMb: 8 }).measurements;
    await assert.rejects(judge(measurementsOf(65_000)), { code: 'ERR_WORKER_OUT_OF_MEMORY' });
    assert.equal((await judge(small)).log.worst, 'enforce');
  });

  it('rejects what takes too long, and judges the next: JudgeTooSlow', async () => {
    const judge = judgesApart({ largeLog: 200_000, limitMs: 1 }).measurements;
    await assert.rejects(judge(measurementsOf(65_000)), { name: 'JudgeTooSlow' });
    assert.equal((await judge(small)).log.worst, 'enforce');
  });
});
