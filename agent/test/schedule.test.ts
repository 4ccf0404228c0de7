import assert from 'node:assert/strict';
import fc from 'fast-check';
import { secondsToNext, secondsToRetry } from '../schedule.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const intervalSeconds = fc.integer({ min: 1, max: 86_400 });
const failures = fc.integer({ min: 1, max: 5_000 });

describe('when the agent tries again', () => {
  it('is within 2 s at first, twice as long each time, never past the interval or 5 minutes', () => {
    fc.assert(
      fc.property(failures, intervalSeconds, random, (count, interval, chance) => {
        const within = Math.min(2 * 2 ** (count - 1), interval, 300);
        const seconds = secondsToRetry({
          failures: count,
          intervalSeconds: interval,
          random: chance,
        });
        assert.ok(seconds >= 0 && (seconds < within || within * chance === seconds), `${seconds}`);
      }),
    );
  });

  it('uses the whole of that time: its middle is the middle', () => {
    fc.assert(
      fc.property(failures, intervalSeconds, (count, interval) => {
        const at = (chance: number) =>
          secondsToRetry({ failures: count, intervalSeconds: interval, random: chance });
        assert.equal(at(0), 0);
        assert.equal(at(0.5) * 2, Math.min(2 * 2 ** (count - 1), interval, 300));
      }),
    );
  });

  it('is never before what the server asked for, and never long after it', () => {
    const asked = fc.integer({ min: -10, max: 2_000_000_000 });
    fc.assert(
      fc.property(failures, intervalSeconds, asked, random, (count, interval, after, chance) => {
        const retryAfterSeconds = after;
        const options = { failures: count, intervalSeconds: interval, random: chance };
        const seconds = secondsToRetry({ ...options, retryAfterSeconds });
        assert.ok(seconds >= Math.min(Math.max(after, 0), 300));
        assert.ok(seconds <= 600);
      }),
    );
  });
});

describe('when the agent attests next', () => {
  it('is an interval later, give or take a tenth: never close to three, which are `stale`', () => {
    fc.assert(
      fc.property(intervalSeconds, random, fc.boolean(), (interval, chance, first) => {
        const seconds = secondsToNext({ intervalSeconds: interval, first, random: chance });
        assert.ok(seconds >= (first ? 0 : 0.9 * interval) && seconds <= 1.1 * interval);
      }),
    );
  });

  it('is at a point of its own in the interval for each host of a fleet that started at once', () => {
    const chances = Array.from({ length: 1_000 }, (_, host) => host / 1_000);
    const tenths = new Map<number, number>();
    for (const chance of chances) {
      const seconds = secondsToNext({ intervalSeconds: 60, first: true, random: chance });
      const tenth = Math.floor(seconds / 6);
      tenths.set(tenth, (tenths.get(tenth) ?? 0) + 1);
    }
    assert.deepEqual(
      [...tenths.values()],
      Array.from({ length: 10 }, () => 100),
    );
  });
});
