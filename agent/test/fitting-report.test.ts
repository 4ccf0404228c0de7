import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { DecidedAlone, ReportedExposure, RunningVm } from '@touchstone/schemas';
import { fittingReport } from '../watch/fitting-report.ts';

const AT = '2026-11-22T12:00:00.000Z';

describe('what a host tells of its gate, where it does not fit', () => {
  const many = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
  const vm = (uuid: string | null): RunningVm => ({
    ...{ vm: uuid, name: 'n'.repeat(64), door: uuid === null ? null : 'libvirt' },
    ...{ permit: null, paused: false, since: AT },
  });
  const exposure = (code: string): ReportedExposure => ({
    ...{ code, subject: randomUUID(), detail: 'd'.repeat(256), vm: null, since: AT },
  });
  const decision = (): DecidedAlone => ({
    ...{ requestId: randomUUID(), vm: randomUUID(), code: 'UNREACHABLE' },
    ...{ decision: 'licensed', at: AT },
  });
  /** As any user of the host makes them: a program of that name. */
  const byHand = (count: number) => ({
    running: many(count, () => vm(null)),
    exposures: many(count, () => exposure('QEMU_BY_HAND')),
  });

  for (const count of [128, 512, 4_096]) {
    it(`has all that matters in it, whoever starts ${count} programs called QEMU`, () => {
      const hand = byHand(count);
      const mine = [vm(randomUUID()), vm(randomUUID())];
      const lost = exposure('LOSS_ACTION_FAILED');
      const decided = [decision(), decision()];
      const told = fittingReport({
        running: [...hand.running, ...mine],
        exposures: [...hand.exposures, lost],
        decided,
      });
      assert.deepEqual(told.running.slice(0, 2), mine);
      assert.deepEqual(told.exposures[0], lost);
      assert.deepEqual(told.decided, decided);
      assert.ok(told.exposures.length > 1, 'and what these are');
      const all = told.running.length + told.exposures.length + told.decided.length;
      assert.equal(told.omitted, 2 * count + 5 - all);
    });
  }

  it('is as long as a statement takes', () => {
    const told = fittingReport({
      running: many(1_024, () => vm(randomUUID())),
      exposures: many(1_024, () => exposure('VM_WITHOUT_PERMIT')),
      decided: many(1_024, decision),
    });
    assert.ok(Buffer.byteLength(JSON.stringify(told)) < 262_144 + 128);
    assert.deepEqual(
      [told.running.length, told.exposures.length, told.decided.length, told.omitted],
      [512, 128, 64, 3 * 1_024 - 704],
    );
  });
});
