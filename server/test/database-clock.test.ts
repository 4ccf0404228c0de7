import assert from 'node:assert/strict';
import { databaseClock } from '../services/database-clock.ts';
import type { Queryable } from '../store/database.ts';

const DATABASE_MS = 1_800_000_000_000;

/** The database's answer and our own two clocks are all that counts here. */
function clockWith({ wallOffsetMs = 0 } = {}) {
  let passedMs = 0;
  const on = {
    query: async () => ({ rows: [{ ms: DATABASE_MS + passedMs }], rowCount: 1 }),
  } as unknown as Queryable;
  const clock = databaseClock(on, {
    wallMs: () => DATABASE_MS + wallOffsetMs + passedMs,
    monotonicMs: () => 5_000 + passedMs,
  });
  return { clock, pass: (ms: number) => (passedMs += ms) };
}

describe("The database's clock", () => {
  it('is unknown before it was measured: CLOCK_OFF', () => {
    assert.throws(() => clockWith().clock.now(), { code: 'CLOCK_OFF', status: 503 });
  });

  it("tells the database's time, and goes on with it", async () => {
    const { clock, pass } = clockWith({ wallOffsetMs: 1_900 });
    await clock.measure();
    assert.equal(clock.now().getTime(), DATABASE_MS);
    pass(10_000);
    assert.equal(clock.now().getTime(), DATABASE_MS + 10_000);
  });

  for (const wallOffsetMs of [2_001, -2_001, 3_600_000]) {
    it(`refuses to serve ${wallOffsetMs} ms off: CLOCK_OFF`, async () => {
      const { clock } = clockWith({ wallOffsetMs });
      await clock.measure();
      assert.throws(() => clock.now(), { code: 'CLOCK_OFF' });
    });
  }

  it('is unknown again when it was not measured for long: CLOCK_OFF', async () => {
    const { clock, pass } = clockWith();
    await clock.measure();
    pass(35_001);
    assert.throws(() => clock.now(), { code: 'CLOCK_OFF' });
    await clock.measure();
    assert.equal(clock.now().getTime(), DATABASE_MS + 35_001);
  });
});
