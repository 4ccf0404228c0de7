import assert from 'node:assert/strict';
import type { Baseline } from '@touchstone/schemas';
import {
  appraiseEvidence,
  appraiseEvidenceBy,
  judgeIma,
  type Judges,
  type AppraisalContext,
  AppraisalMemo,
  judgeMeasurements,
} from '../index.ts';
import { CountingMemo } from './support/counting-memo.ts';
import { certify, makeAk, NOW } from './support/made-authority.ts';
import { OVERDUE } from './support/made-revocation.ts';
import {
  appraisal,
  file,
  goodLog,
  makeEvidence,
  type Making,
  MEASURED,
  PCRS,
  sha256,
  valuesAfter,
} from './support/made-evidence.ts';
import { APPROVED, enforced, verified } from './support/made-host.ts';

const approved = (changed: Partial<AppraisalContext> = {}): AppraisalContext =>
  appraisal({ baselines: APPROVED, ...changed });

/** A memo to which a good boot of the host is known. */
function remembering(context = approved()): CountingMemo {
  const memo = new CountingMemo();
  appraiseEvidence(verified(makeEvidence()), context, memo);
  assert.equal(memo.hits, 0);
  return memo;
}

const known = (memo: CountingMemo, making: Making = {}, context = approved()) =>
  appraiseEvidence(verified(makeEvidence(making)), context, memo);

const ima: Judges['ima'] = (measured) => Promise.resolve(judgeIma(measured));

describe('the memo of appraisals: serves', () => {
  it('evidence that shows what was shown before in this boot, of its own time and challenge', () => {
    const memo = remembering();
    const challenge = Buffer.alloc(32, 1);
    const evidence = verified(makeEvidence({ challenge }), { challenge });
    const result = appraiseEvidence(evidence, approved(), memo);
    assert.equal(memo.hits, 1);
    assert.equal(result.verdict, 'warning');
    assert.equal(result.evidence, evidence.digest);
    assert.deepEqual(result, appraiseEvidence(evidence, approved()));
  });

  it('nothing of revocation lists: what is known says that this one is overdue', () => {
    const memo = remembering();
    const evidence = verified(makeEvidence(), { revocation: OVERDUE });
    const result = appraiseEvidence(evidence, approved(), memo);
    assert.equal(memo.hits, 1);
    const [warning] = result.findings.filter(({ code }) => code === 'AK_CERT_REVOCATION_STALE');
    assert.equal(warning?.effect, 'warn');
    assert.equal(result.verdict, 'warning');
  });

  it('what was bad as well as what was good', () => {
    const memo = new CountingMemo();
    const log = goodLog([...MEASURED, file(13, '/etc/more', 'more')]);
    const [first, second] = [known(memo, { log }), known(memo, { log })];
    assert.deepEqual(enforced(second), ['EVENT_UNEXPLAINED']);
    assert.deepEqual(second, first);
    assert.equal(memo.hits, 1);
  });

  it('what nobody can write on', () => {
    const { events, findings } = known(remembering());
    assert.throws(() => Object.assign(events[0]!, { verdict: 'unexpected' }), TypeError);
    assert.throws(() => (events as unknown[]).push({}), TypeError);
    assert.ok(findings.length > 0);
  });
});

describe('the memo of appraisals: never serves', () => {
  const refused = (memo: CountingMemo, codes: string[], making: Making, context = approved()) => {
    const result = known(memo, making, context);
    assert.equal(memo.hits, 0);
    assert.deepEqual(enforced(result), codes);
  };

  it('the same digests under another class', () => {
    const context = approved({ class: 'virtual' });
    const host = ['CLASS_MISMATCH', 'KEXEC_UNMEASURED'];
    const log = ['BANK_NOT_EXTENDED', 'LOG_WRONG_FOR_CLASS'];
    refused(remembering(), [...host, ...log, 'NO_BASELINE'], {}, context);
  });

  it('at the instant at which a document expires, nor after', () => {
    const expires = '2026-11-22T12:00:10Z';
    const baselines = APPROVED.map((one) => ({ ...one, expires }));
    const when = (ms: number) => approved({ baselines, now: new Date(ms) });
    for (const ms of [Date.parse(expires), Date.parse(expires) + 1, NaN]) {
      const memo = remembering(approved({ baselines }));
      assert.equal(known(memo, {}, when(Date.parse(expires) - 1)).verdict, 'warning');
      assert.equal(memo.hits, 1);
      const result = known(memo, {}, when(ms));
      assert.ok(enforced(result).includes('BASELINE_EXPIRED'), `${ms}`);
      assert.equal(memo.hits, 1);
    }
  });

  it('by an entry past its time, whatever else would serve', () => {
    const memo = new CountingMemo();
    const judgement = judgeMeasurements({
      class: 'software',
      pcrs: new Map(),
      bootLogs: [],
      baselines: [],
    });
    const asked = { akName: 'a', boot: '1.0', key: judgement.key, notAfterMs: 1_000 } as never;
    memo.keep(asked, judgement);
    const at = (ms: number) => memo.recall({ ...(asked as object), now: new Date(ms) } as never);
    assert.deepEqual(
      [at(999), at(1_000), at(1_001), at(NaN)],
      [judgement, undefined, undefined, undefined],
    );
  });

  it('a document of the same name and version that says something else', () => {
    const edited = APPROVED.map((one) => ({
      ...one,
      rules: one.rules.map((rule) => ({
        ...rule,
        allow: rule.allow
          ?.map((allowed) => ({ ...allowed, sha256: sha256('another') }))
          .slice(0, 1),
      })),
    })) as Baseline[];
    const memo = remembering();
    const { verdict } = known(memo, {}, approved({ baselines: edited }));
    assert.deepEqual([verdict, memo.hits], ['contraindicated', 0]);
  });

  it('a document that was changed in place: it cannot be', () => {
    const baseline = structuredClone(APPROVED[0]!);
    known(new CountingMemo(), {}, approved({ baselines: [baseline] }));
    assert.throws(() => Object.assign(baseline.rules[0]!, { mode: 'observe' }), TypeError);
  });

  it('after a document was added, retired or milder', () => {
    const milder = APPROVED.map((one) => ({
      ...one,
      rules: one.rules.map((rule) => ({ ...rule, mode: 'warn' as const })),
    }));
    for (const baselines of [
      [...APPROVED, { ...APPROVED[0]!, name: 'more' }],
      APPROVED.slice(1),
      milder,
    ]) {
      const memo = remembering();
      known(memo, {}, approved({ baselines }));
      assert.equal(memo.hits, 0);
    }
  });

  it('another AK of the same host', () => {
    const ak = makeAk();
    const memo = remembering();
    const changed = { akPublic: ak.akPublic, akCertificate: certify(ak) };
    appraiseEvidence(verified(makeEvidence({ ak }), changed), approved(), memo);
    assert.deepEqual([memo.hits, memo.size.boots, memo.size.judgements], [0, 2, 1]);
  });

  it('another boot: neither a restart nor a resume', () => {
    for (const boot of [{ resetCount: 8 }, { restartCount: 2 }])
      refused(remembering(), [], { boot });
  });

  it('the same log under other PCR values', () => {
    const values = valuesAfter(goodLog());
    const pcrs = { sha256: { ...values.sha256, 9: sha256('other') } };
    refused(remembering(), ['LOG_REPLAY_MISMATCH'], { pcrs });
  });

  it('the same values under another log', () => {
    const pcrs = valuesAfter(goodLog());
    const log = goodLog(MEASURED.toReversed());
    const memo = remembering();
    assert.equal(known(memo, { pcrs, log }).verdict, 'contraindicated');
    assert.equal(memo.hits, 0);
  });

  it('the same values of other PCRs', () => {
    const log = goodLog([...MEASURED, file(14, '/etc/more', 'more')]);
    const memo = new CountingMemo();
    const results = [14, 15].map((pcr) => {
      const selection = { sha256: [...PCRS, pcr] };
      const pcrs = valuesAfter(goodLog(), selection);
      const evidence = makeEvidence({ log, pcrs, quoted: selection, statement: { selection } });
      return enforced(appraiseEvidence(verified(evidence, { selection }), approved(), memo));
    });
    const wrong = 'LOG_WRONG_FOR_CLASS';
    assert.deepEqual(results, [['LOG_REPLAY_MISMATCH', wrong, 'EVENT_UNEXPLAINED'], [wrong]]);
    assert.equal(memo.hits, 0);
  });

  it("a `host` part of another host's", () => {
    const baselines = APPROVED.map((one) => ({
      ...one,
      match: { ...one.match, host: appraisal().hostId },
    }));
    const memo = remembering(approved({ baselines }));
    const hostId = '6f2d7c1e-9a6b-4d0c-8a52-0d3a5a1f9b22';
    const evidence = verified(makeEvidence({ statement: { hostId } }), { hostId });
    const result = appraiseEvidence(evidence, approved({ baselines, hostId }), memo);
    assert.equal(memo.hits, 0);
    assert.deepEqual(enforced(result), ['NO_BASELINE']);
  });

  it('anything to whoever is not verified', () => {
    const memo = remembering();
    const forged = { ...verified(makeEvidence()) };
    assert.throws(() => appraiseEvidence(forged, approved(), memo), TypeError);
    assert.equal(memo.hits, 0);
  });
});

describe('the memo of appraisals: an exception', () => {
  it('is never remembered, wherever it comes', () => {
    let reads = 0;
    let failing = Infinity;
    const brittle = (): Baseline[] =>
      APPROVED.map((one) =>
        Object.defineProperty({ ...one }, 'rules', {
          enumerable: true,
          get() {
            reads += 1;
            if (reads === failing) throw new RangeError('brittle');
            return one.rules;
          },
        }),
      );
    assert.equal(
      known(new CountingMemo(), {}, approved({ baselines: brittle() })).verdict,
      'warning',
    );
    for (const all = reads; failing === Infinity || failing <= all; failing += 1) {
      if (failing === Infinity) failing = 1;
      reads = 0;
      const memo = new CountingMemo();
      const baselines = brittle();
      assert.deepEqual(enforced(known(memo, {}, approved({ baselines }))), ['APPRAISAL_ERROR']);
      assert.equal(memo.size.boots, 0, `read ${failing}`);
    }
  });

  it('of whoever judges elsewhere is APPRAISAL_ERROR, and the next is judged anew', async () => {
    const memo = new CountingMemo();
    const by = (measurements: Judges['measurements']) =>
      appraiseEvidenceBy({ measurements, ima }, verified(makeEvidence()), approved(), memo);
    const failed = await by(() => Promise.reject(new RangeError('gone')));
    assert.deepEqual(enforced(failed), ['APPRAISAL_ERROR']);
    assert.equal(memo.size.boots, 0);
    const judged = await by((given) => Promise.resolve(judgeMeasurements(structuredClone(given))));
    assert.equal(judged.verdict, 'warning');
    assert.deepEqual(judged, await by(() => Promise.reject(new Error('is not asked'))));
    assert.equal(memo.hits, 1);
  });

  it('is what a judgement of other measurements becomes', async () => {
    for (const memo of [new AppraisalMemo(), undefined]) {
      const result = await appraiseEvidenceBy(
        {
          measurements: (given) =>
            Promise.resolve(judgeMeasurements({ ...given, class: 'virtual' })),
          ima,
        },
        verified(makeEvidence()),
        approved(),
        memo,
      );
      assert.deepEqual(enforced(result), ['APPRAISAL_ERROR']);
      assert.equal(memo?.size.boots ?? 0, 0);
    }
  });
});

describe('the memo of appraisals: its bounds', () => {
  const OTHERS = Array.from({ length: 12 }, () => makeAk()).map((ak) => ({
    ak,
    changed: { akPublic: ak.akPublic, akCertificate: certify(ak) },
  }));
  const show = (memo: AppraisalMemo, by: (typeof OTHERS)[number], measured = MEASURED) => {
    const evidence = makeEvidence({ ak: by.ak, log: goodLog(measured) });
    return appraiseEvidence(verified(evidence, by.changed), approved(), memo);
  };
  const oneMore = (index: number) => [...MEASURED, file(13, `/etc/more-${index}`, 'x')];

  it('hold what many hosts show once, and forget it with the last of them', () => {
    const memo = new AppraisalMemo();
    for (const other of OTHERS) show(memo, other);
    assert.deepEqual([memo.size.boots, memo.size.judgements], [OTHERS.length, 1]);
    for (const [index, other] of OTHERS.entries()) show(memo, other, oneMore(index));
    assert.deepEqual([memo.size.boots, memo.size.judgements], [OTHERS.length, OTHERS.length]);
  });

  it("let a host that changes all the time take nobody's place but its own", () => {
    const memo = remembering();
    const restless = OTHERS[0]!;
    for (let index = 0; index < 50; index += 1) show(memo, restless, oneMore(index));
    assert.deepEqual([memo.size.boots, memo.size.judgements], [2, 2]);
    known(memo);
    assert.equal(memo.hits, 1);
  });

  it('keep to their bytes, and the least recently used boot goes first', () => {
    const sample = new AppraisalMemo();
    keepAs(sample, 'ak 0', 0);
    const maxBytes = sample.size.bytes * 33;
    const memo = new AppraisalMemo({ maxBytes });
    for (let index = 0; index < 60; index += 1) {
      keepAs(memo, `ak ${index}`, index);
      assert.ok(memo.size.bytes <= maxBytes);
      assert.notEqual(recallAs(memo, 'ak 0', 0), undefined, 'used each time');
    }
    assert.ok(memo.size.boots > 20);
    assert.equal(memo.size.boots, memo.size.judgements);
    const held = Array.from({ length: 60 }, (_, index) => recallAs(memo, `ak ${index}`, index));
    const oldest = held.findIndex((one, index) => index > 0 && one !== undefined);
    assert.ok(held.slice(oldest).every((one) => one !== undefined));
    assert.equal(oldest, 60 - memo.size.boots + 1);
  });

  it('keep no judgement that would take the place of many', () => {
    const memo = new AppraisalMemo({ maxBytes: 20_000 });
    show(memo, OTHERS[0]!);
    assert.deepEqual(memo.size, { boots: 0, judgements: 0, bytes: 0 });
  });

  const situationOf = (akName: string, index: number) => {
    const measurements = {
      class: 'software',
      pcrs: new Map(),
      bootLogs: [{ digest: sha256(`${index}`), bytes: goodLog(oneMore(index)) }],
      baselines: [],
    } as const;
    const judgement = judgeMeasurements(measurements);
    const { key } = judgement;
    return { judgement, situation: { akName, boot: '1.0', key, now: NOW, notAfterMs: Infinity } };
  };
  function keepAs(memo: AppraisalMemo, akName: string, index: number): void {
    const { judgement, situation } = situationOf(akName, index);
    memo.keep(situation as never, judgement);
  }
  const recallAs = (memo: AppraisalMemo, akName: string, index: number) =>
    memo.recall(situationOf(akName, index).situation as never);
});
