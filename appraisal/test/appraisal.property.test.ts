import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeSoftwareEvent, type NewEvent } from '@touchstone/eventlog';
import { hash } from '@touchstone/tpm';
import { goodLog, logOf, makeEvidence, MEASURED, newEvent } from './support/made-evidence.ts';
import { appraised, capture } from './support/made-host.ts';
import { valuesAfter } from './support/made-evidence.ts';

const EVENTS = MEASURED.map(newEvent);
const VALUES = valuesAfter(goodLog());
const TRUSTED = ['affirming', 'warning'];

const position = fc.nat({ max: EVENTS.length - 1 });
/** Whether the TPM holds what the changed log gives, or what was approved. */
const tpmFollows = fc.boolean();

function neverTrusted(events: readonly NewEvent[], follows: boolean): void {
  const log = logOf(events);
  const result = appraised(follows ? { log } : { log, pcrs: VALUES });
  assert.equal(result.verdict, 'contraindicated');
  assert.ok(!TRUSTED.includes(result.verdict));
  assert.ok(result.findings.some(({ effect }) => effect === 'enforce'));
}

describe('an appraised software log', () => {
  it('is trusted as it is', () => {
    assert.ok(TRUSTED.includes(appraised().verdict));
  });

  it('is never trusted with any one event dropped', () => {
    fc.assert(
      fc.property(position, tpmFollows, (at, follows) => {
        neverTrusted(EVENTS.toSpliced(at, 1), follows);
      }),
    );
  });

  it('is never trusted with any one event duplicated, anywhere', () => {
    fc.assert(
      fc.property(position, position, tpmFollows, (at, to, follows) => {
        neverTrusted(EVENTS.toSpliced(to, 0, EVENTS[at]!), follows);
      }),
    );
  });

  it('is never trusted with any one bit of an event changed', () => {
    const bit = fc.nat({ max: 8 * 200 });
    fc.assert(
      fc.property(position, bit, tpmFollows, fc.boolean(), (at, which, follows, digestToo) => {
        const event = EVENTS[at]!;
        const data = Uint8Array.from(event.data);
        const byte = (which >> 3) % data.length;
        data[byte] = (data[byte] ?? 0) ^ (1 << (which & 7));
        const digest = hash('sha256', digestToo ? data : event.data);
        const changed = { ...event, data, digests: [{ bank: 'sha256', digest } as const] };
        neverTrusted(EVENTS.with(at, changed), follows);
      }),
    );
  });

  it('is never trusted with any one event moved to another PCR or type', () => {
    const pcr = fc.nat({ max: 23 });
    const type = fc.constantFrom(1, 2, 4, 5, 6, 8, 0x0d, 0x80000001, 0x80000003);
    fc.assert(
      fc.property(position, pcr, type, tpmFollows, (at, to, retyped, follows) => {
        const event = EVENTS[at]!;
        fc.pre(to !== event.pcr || retyped !== event.type);
        neverTrusted(EVENTS.with(at, { ...event, pcr: to, type: retyped }), follows);
      }),
    );
  });

  it('is never trusted with anything added', () => {
    const name = fc.stringMatching(/^[a-z]{1,9}$/);
    fc.assert(
      fc.property(name, fc.nat({ max: 23 }), position, tpmFollows, (path, pcr, at, follows) => {
        const event = newEvent({ pcr, event: { kind: 'absent', path: `/${path}` } });
        neverTrusted(EVENTS.toSpliced(at, 0, event), follows);
      }),
    );
  });

  it('is never trusted with any one bit of the log flipped', () => {
    const log = goodLog();
    fc.assert(
      fc.property(fc.nat({ max: log.length * 8 - 1 }), (which) => {
        // The Spec ID event is covered by no digest; what is in it is read, and the events after it count.
        const changed = Uint8Array.from(log);
        changed[which >> 3] = (changed[which >> 3] ?? 0) ^ (1 << (which & 7));
        const { verdict, findings } = appraised({ log: changed, pcrs: VALUES });
        const specIdSize = log.length - logOf(EVENTS).length + logOf([]).length;
        if (which >> 3 >= specIdSize) {
          assert.equal(verdict, 'contraindicated', JSON.stringify(findings));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('is trusted again once the change itself is captured and approved', () => {
    const name = fc.stringMatching(/^[a-z]{1,9}$/);
    fc.assert(
      fc.property(name, fc.constantFrom(9, 13), (path, pcr) => {
        const data = encodeSoftwareEvent({ kind: 'absent', path: `/${path}` });
        const log = logOf([...EVENTS, { pcr, type: 6, data }]);
        const baselines = capture(makeEvidence({ log }));
        assert.ok(TRUSTED.includes(appraised({ log }, { baselines }).verdict));
        assert.equal(appraised({}, { baselines }).verdict, 'contraindicated');
      }),
      { numRuns: 20 },
    );
  });
});
