import assert from 'node:assert/strict';
import type { Baseline, Evidence, StoredContext } from '@touchstone/schemas';
import {
  type AppraisalContext,
  appraiseEvidence,
  appraiseStored,
  ContextError,
  outcomeBytes,
  outcomeDigestOf,
  type VerificationContext,
  writeContext,
} from '../index.ts';
import { appraisal, file, goodLog, makeEvidence, MEASURED } from './support/made-evidence.ts';
import { APPROVED, verified } from './support/made-host.ts';
import { NOW } from './support/made-authority.ts';
import { OVERDUE, revocationWith } from './support/made-revocation.ts';

const DAY_MS = 86_400_000;
const LATER = new Date(NOW.getTime() + 30 * DAY_MS);

/** The file that `touchstone appraise --context` reads, as it comes out of JSON again. */
function stored(
  evidence: Evidence,
  changed: Partial<AppraisalContext> = {},
  against: Partial<VerificationContext> = {},
): { context: StoredContext; bytes: Uint8Array } {
  const seen = verified(evidence, against);
  const context = appraisal({ baselines: APPROVED, ...changed });
  const { own, shared } = writeContext(seen, context);
  const whole = {
    schema: 'touchstone/context/1',
    own,
    shared: JSON.parse(shared.text) as unknown,
    documents: Object.fromEntries(
      [...shared.documents].map(([digest, write]) => [digest, write()]),
    ),
  };
  return {
    context: JSON.parse(JSON.stringify(whole)) as StoredContext,
    bytes: outcomeBytes(appraiseEvidence(seen, context)),
  };
}

function again(evidence: Evidence, context: unknown): Uint8Array {
  const appraised = appraiseStored(evidence, context);
  if (!appraised.ok) assert.fail(JSON.stringify(appraised.findings));
  return outcomeBytes(appraised.result);
}

const CHANGED = makeEvidence({
  log: goodLog(MEASURED.map((one) => (one.pcr === 9 ? file(9, '/boot/vmlinuz', 'other') : one))),
});
/** As an owner of the database could have made it: it is a finding, and no context that cannot be read. */
const MALFORMED = APPROVED.map((document) => ({ ...document, banks: [] })) as readonly Baseline[];
const EXPIRING: readonly Baseline[] = APPROVED.map((document) => ({
  ...document,
  expires: new Date(NOW.getTime() + DAY_MS).toISOString(),
}));

describe('A stored context', () => {
  const table: {
    given: string;
    evidence: Evidence;
    context?: Partial<AppraisalContext>;
    against?: Partial<VerificationContext>;
  }[] = [
    { given: 'a good boot', evidence: makeEvidence() },
    { given: 'a boot that no baseline knows', evidence: CHANGED },
    { given: 'no baseline', evidence: makeEvidence(), context: { baselines: [] } },
    { given: 'malformed baselines', evidence: makeEvidence(), context: { baselines: MALFORMED } },
    { given: 'another class', evidence: makeEvidence(), context: { class: 'virtual' } },
    { given: 'other labels', evidence: makeEvidence(), context: { labels: { 7: 'a', site: 'b' } } },
    {
      given: 'a verdict of a month later, when its documents had expired',
      evidence: makeEvidence(),
      context: { baselines: EXPIRING, now: LATER },
    },
    {
      given: 'an open window, and documents that are known',
      evidence: CHANGED,
      context: {
        known: APPROVED,
        windows: [{ id: 'w1', name: 'shed', documents: EXPIRING, until: LATER.toISOString() }],
      },
    },
    {
      given: 'an enrolment',
      evidence: makeEvidence({ statement: { purpose: 'enrol', hostId: null } }),
      against: { purpose: 'enrol', hostId: null },
    },
    {
      given: 'a certificate that was held against a revocation list',
      evidence: makeEvidence(),
      against: { revocation: revocationWith() },
    },
    {
      given: 'a revocation list that was overdue, and its warning',
      evidence: makeEvidence(),
      against: { revocation: OVERDUE },
    },
    { given: 'a least epoch', evidence: makeEvidence(), against: { bundleEpochMin: 1 } },
  ];
  for (const { given, evidence, context, against } of table) {
    it(`gives the same bytes again, of ${given}`, () => {
      const made = stored(evidence, context, against);
      assert.deepEqual(again(evidence, made.context), made.bytes);
    });
  }

  it('gives other bytes with other times, labels or documents', () => {
    const { context, bytes } = stored(makeEvidence(), { baselines: EXPIRING });
    const { own, shared } = context;
    const changed = [
      { ...context, own: { ...own, now: LATER.toISOString() } },
      { ...context, own: { ...own, labels: { site: 'barn' } } },
      { ...context, own: { ...own, class: 'virtual' } },
      { ...context, shared: { ...shared, baselines: [] } },
    ];
    for (const other of changed) assert.notDeepEqual(again(makeEvidence(), other), bytes);
  });

  it('vouches for no evidence of another host, key, issuer, purpose or selection', () => {
    const { context } = stored(makeEvidence());
    const { own, shared } = context;
    const [issuer] = shared.issuers;
    assert.ok(issuer);
    const changed = [
      { ...own, hostId: own.hostId.replace('6', '7') },
      { ...own, purpose: 'permit' },
      { ...own, selection: { sha256: [0] } },
      { ...own, bundleEpochMin: 2 },
      { ...own, crl: { number: '3', nextUpdate: '2020-01-01T00:00:00Z', graceSeconds: 3_600 } },
      { ...own, receivedAt: new Date(NOW.getTime() + 900 * DAY_MS).toISOString() },
    ].map((other) => ({ ...context, own: other }));
    const refused = { ...shared, issuers: [{ ...issuer, state: 'refused' }] };
    for (const other of [...changed, { ...context, shared: refused }]) {
      assert.equal(appraiseStored(makeEvidence(), other).ok, false);
    }
  });

  it('has of a revocation list its number and its time, and nobody else', () => {
    const revoked = new Map([['ff', { at: NOW, reason: 'superseded' as const }]]);
    const { context, bytes } = stored(
      makeEvidence(),
      {},
      { revocation: revocationWith({ revoked }) },
    );
    const nextUpdate = new Date(NOW.getTime() + 3_600_000).toISOString();
    assert.deepEqual(context.own.crl, { number: '3', nextUpdate, graceSeconds: 3_600 });
    const overdue = { ...context.own.crl, nextUpdate: new Date(NOW.getTime() - 1).toISOString() };
    const warned = again(makeEvidence(), { ...context, own: { ...context.own, crl: overdue } });
    assert.notDeepEqual(warned, bytes);
    const { own } = stored(makeEvidence()).context;
    assert.equal('crl' in own, false);
  });

  it('is the same for all hosts of one policy, but for what is their own', () => {
    const here = writeContext(verified(makeEvidence()), appraisal({ baselines: APPROVED }));
    const other = { labels: { site: 'barn' }, class: 'virtual', now: LATER } as const;
    const there = writeContext(verified(CHANGED), appraisal({ baselines: APPROVED, ...other }));
    assert.equal(here.shared.digest, there.shared.digest);
    assert.notEqual(here.digest, there.digest);
    assert.ok(JSON.stringify(there.own).length < 2_048);
    const policy = appraisal({ baselines: EXPIRING });
    const expiring = writeContext(verified(makeEvidence()), policy);
    assert.notEqual(expiring.shared.digest, here.shared.digest);
    assert.notEqual(expiring.digest, here.digest);
  });

  it('is not written of two hosts', () => {
    const seen = verified(makeEvidence());
    const other = appraisal({ hostId: '00000000-0000-4000-8000-000000000000' });
    assert.throws(() => writeContext(seen, other), TypeError);
  });

  describe('is refused: CONTEXT_MALFORMED', () => {
    const { context } = stored(makeEvidence());
    const { own, shared, documents } = context;
    const [digest = '', document] = Object.entries(documents)[0] ?? [];
    const cases: { given: string; data: unknown; field: string }[] = [
      { given: 'nothing', data: null, field: '' },
      { given: 'an unknown key', data: { ...context, more: 1 }, field: '' },
      { given: 'another schema', data: { ...context, schema: 'x' }, field: '/schema' },
      {
        given: 'a key that is none',
        data: { ...context, own: { ...own, akPublic: 'AAAA' } },
        field: '/own/akPublic',
      },
      {
        given: 'a certificate that is none',
        data: { ...context, own: { ...own, akCertificate: 'AAAA' } },
        field: '/own/akCertificate',
      },
      {
        given: 'a time that is none',
        data: { ...context, own: { ...own, now: '2026-99-99T00:00:00Z' } },
        field: '/own/now',
      },
      {
        given: 'a document of another digest',
        data: { ...context, documents: { ...documents, [digest]: `${document} ` } },
        field: `/documents/${digest}`,
      },
      {
        given: 'a document that is not there',
        data: { ...context, documents: {} },
        field: '/shared/baselines',
      },
      {
        given: 'an issuer of a fourth state',
        data: {
          ...context,
          shared: { ...shared, issuers: [{ ...shared.issuers[0], state: 'good' }] },
        },
        field: '/shared/issuers/0/state',
      },
    ];
    for (const { given, data, field } of cases) {
      it(given, () => {
        assert.throws(
          () => appraiseStored(makeEvidence(), data),
          (error) => error instanceof ContextError && error.field === field,
        );
      });
    }
  });
});

describe('An outcome in bytes', () => {
  const outcome = () =>
    appraiseEvidence(verified(CHANGED), appraisal({ baselines: APPROVED, now: NOW }));
  const text = () => Buffer.from(outcomeBytes(outcome())).toString();

  it('is JSON with its keys in order, 64 bits as text, and without white space', () => {
    const read = JSON.parse(text()) as Record<string, unknown>;
    assert.deepEqual(Object.keys(read), Object.keys(read).toSorted());
    assert.deepEqual(read['boot'], { clock: '123456', resetCount: 7, restartCount: 1 });
    assert.deepEqual(Object.keys(read), Object.keys(outcome()).toSorted());
    assert.doesNotMatch(text().replaceAll(/"(?:[^"\\]|\\.)*"/gu, ''), /\s/u);
  });

  it('holds what was found, and not how to mend it', () => {
    const { findings } = JSON.parse(text()) as { findings: object[] };
    assert.ok(findings.length > 0);
    for (const found of findings) assert.ok(!('remedy' in found) && !('actor' in found));
  });

  it('has the same digest each time, and another where one event differs', () => {
    const { events, ...rest } = outcome();
    assert.equal(outcomeDigestOf(outcome()), outcomeDigestOf(outcome()));
    const changed = events.map((event, index) => (index === 1 ? { ...event, pcr: 12 } : event));
    assert.notEqual(outcomeDigestOf({ ...rest, events: changed }), outcomeDigestOf(outcome()));
  });
});
