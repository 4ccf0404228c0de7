import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { AssuranceClass, Baseline, Selection } from '@touchstone/schemas';
import { nameOf } from '@touchstone/tpm';
import { appraiseEvidence, type VerifiedEvidence } from '../index.ts';
import { CountingMemo } from './support/counting-memo.ts';
import { certify, makeAk, NOW } from './support/made-authority.ts';
import {
  AK,
  appraisal,
  file,
  goodLog,
  HOST_ID,
  makeEvidence,
  MEASURED,
  PCRS,
  valuesAfter,
} from './support/made-evidence.ts';
import { APPROVED, capture, verified } from './support/made-host.ts';

const OTHER_HOST = '6f2d7c1e-9a6b-4d0c-8a52-0d3a5a1f9b22';
const AKS = [AK, makeAk()].map((ak) => ({ ak, akCertificate: certify(ak) }));
const LOGS = [
  goodLog(),
  goodLog([...MEASURED.slice(0, -1), file(13, '/etc/touchstone/extra.yaml', 'here')]),
  goodLog(MEASURED.slice(1)),
  goodLog([...MEASURED, file(14, '/etc/more', 'more')]),
  goodLog(MEASURED.toReversed()),
  null,
] as const;
const SELECTIONS: readonly Selection[] = [[], [14], [15]].map((more) => ({
  sha256: [...PCRS, ...more],
}));
const after = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1_000);

/** What a part may be: as it was approved, otherwise with or without another version, or of another host. */
const VARIANTS: readonly ((one: Baseline) => Baseline)[] = [
  (one) => one,
  (one) => ({ ...one, version: 2, expires: after(2).toISOString() }),
  (one) => ({ ...one, expires: after(4).toISOString() }),
  (one) => ({ ...one, match: { ...one.match, host: OTHER_HOST } }),
  (one) => ({ ...one, match: { ...one.match, class: ['software', 'virtual'] } }),
  (one) => ({ ...one, rules: one.rules.map((rule) => ({ ...rule, mode: 'warn' as const })) }),
  (one) => ({ ...one, rules: one.rules.map((rule) => ({ ...rule, id: `${rule.id}-2` })) }),
  (one) => ({ ...one, rules: one.rules.slice(0, 1) }),
  (one) => ({ ...one, name: 'more' }),
];
/** Of each part, and of the part of a host that measured something else. */
const DOCUMENTS = [...APPROVED, ...capture(makeEvidence({ log: LOGS[1] }))].map((one) =>
  VARIANTS.map((variant) => variant(one)),
);

const shown = fc.record({
  ak: fc.nat({ max: AKS.length - 1 }),
  hostId: fc.constantFrom(HOST_ID, OTHER_HOST),
  log: fc.constantFrom(0, 0, 0, 0, 1, 2, 3, 4, 5),
  tpmFollows: fc.constantFrom(true, true, false),
  selection: fc.constantFrom(0, 0, 1, 2),
  resetCount: fc.constantFrom(7, 7, 7, 8),
  restartCount: fc.constantFrom(0, 0, 1),
  safe: fc.constantFrom(0, 1),
  claimedHostname: fc.constantFrom('one', 'other'),
});
type Shown = typeof shown extends fc.Arbitrary<infer T> ? T : never;

const asked = fc.record({
  class: fc.constantFrom<AssuranceClass>('software', 'software', 'software', 'virtual'),
  site: fc.constantFrom('shed', 'shed', 'yard'),
  seconds: fc.nat({ max: 5 }),
});

/** Nothing, or one thing of many. */
const oneOf = <T extends object>(all: fc.Arbitrary<T>): fc.Arbitrary<Partial<T>> =>
  fc
    .tuple(all, fc.nat(), fc.boolean())
    .map(([whole, which, changes]) =>
      Object.fromEntries(
        Object.entries(whole).filter((_, index, { length }) => changes && index === which % length),
      ),
    ) as fc.Arbitrary<Partial<T>>;

/** What changes between one piece of evidence and the next. */
const step = fc.record({
  shown: oneOf(shown),
  asked: oneOf(asked),
  part: fc.option(fc.nat({ max: DOCUMENTS.length - 1 }), { freq: 2 }),
  variant: fc.option(fc.nat({ max: VARIANTS.length - 1 }), { freq: 8 }),
});

const START = { shown: {}, asked: {}, part: null, variant: null };

const made = new Map<string, VerifiedEvidence>();

/** Each is made once: only what is appraised is the same, never what was appraised of it. */
function evidenceOf(one: Shown): VerifiedEvidence {
  const name = JSON.stringify(one);
  const before = made.get(name);
  if (before !== undefined) return before;
  const { ak, akCertificate } = AKS[one.ak]!;
  const selection = SELECTIONS[one.selection]!;
  const log = LOGS[one.log]!;
  const evidence = makeEvidence({
    ak,
    log,
    pcrs: valuesAfter((one.tpmFollows ? log : null) ?? goodLog(), selection),
    quoted: selection,
    safe: one.safe,
    boot: one,
    statement: {
      hostId: one.hostId,
      selection,
      akName: Buffer.from(nameOf(ak.akPublic)).toString('hex'),
      selfReported: {
        claimedHostname: one.claimedHostname,
        claimedKernel: '6.1',
        agentVersion: '1',
      },
    },
  });
  const { akPublic } = ak;
  const fresh = verified(evidence, { akPublic, akCertificate, selection, hostId: one.hostId });
  made.set(name, fresh);
  return fresh;
}

describe('an appraisal with a memo', () => {
  it('gives what one without gives, whatever came before', () => {
    let hits = 0;
    const first = { shown, asked };
    fc.assert(
      fc.property(fc.record(first), fc.array(step, { maxLength: 25 }), (begin, steps) => {
        const memo = new CountingMemo();
        let { shown: now, asked: context } = begin;
        const active = new Map(APPROVED.map((one, part) => [part, one]));
        for (const next of [START, ...steps]) {
          now = { ...now, ...next.shown };
          context = { ...context, ...next.asked };
          if (next.part !== null) active.delete(next.part);
          if (next.part !== null && next.variant !== null) {
            active.set(next.part, DOCUMENTS[next.part]![next.variant]!);
          }
          const { class: held, site, seconds } = context;
          const whole = appraisal({
            hostId: now.hostId,
            class: held,
            labels: { site },
            baselines: [...active.values()],
            now: after(seconds),
          });
          const evidence = evidenceOf(now);
          const result = appraiseEvidence(evidence, whole, memo);
          assert.deepEqual(result, appraiseEvidence(evidence, whole));
        }
        hits += memo.hits;
      }),
      { numRuns: 250 },
    );
    assert.ok(hits > 100, `served ${hits} times only`);
  });
});
