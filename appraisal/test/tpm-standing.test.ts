import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { TpmDescription } from '@touchstone/endorsement';
import type { AssuranceClass, Baseline } from '@touchstone/schemas';
import { ADVISORIES, ADVISORIES_VERSION } from '../advisories/ledger.ts';
import { advisoriesOf, firmwareText } from '../advisories/known-advisories.ts';
import { tpmPolicyOf } from '../advisories/tpm-policy.ts';
import { appraiseEvidence, AppraisalMemo, POLICY, resultClaims } from '../index.ts';
import { certify } from './support/made-authority.ts';
import { AK, appraisal, HOST_ID, makeEvidence } from './support/made-evidence.ts';
import { APPROVED, verified } from './support/made-host.ts';

const version = (...words: readonly number[]) =>
  [0, 1, 2, 3].reduce((all, at) => (all << 16n) | BigInt(words[at] ?? 0), 0n);

const denial: Baseline['rules'][number] = {
  ...{ id: 'no', mode: 'enforce', pcr: 9, type: 'EV_EVENT_TAG' },
  deny: [{ sha256: 'f'.repeat(64) }],
};
const document = (tpm: Baseline['tpm'], name = 'tpm'): Baseline => ({
  ...{ kind: 'baseline', part: 'firmware', name, version: 1, banks: ['sha256'] },
  match: { labels: {}, class: ['discrete', 'firmware', 'virtual', 'software'] },
  rules: [denial],
  ...(tpm && { tpm }),
});

function judged(
  tpm: TpmDescription | undefined,
  {
    held = 'software',
    firmware = 0n,
    documents = [],
    memo,
  }: {
    readonly held?: AssuranceClass;
    readonly firmware?: bigint;
    readonly documents?: readonly Baseline[];
    readonly memo?: AppraisalMemo;
  } = {},
) {
  const akCertificate = certify(AK, held, tpm);
  const evidence = verified(makeEvidence({ firmware }), { akCertificate });
  const context = appraisal({ baselines: [...APPROVED, ...documents], class: held });
  return appraiseEvidence(evidence, context, memo);
}
const about = ({ findings }: ReturnType<typeof judged>) =>
  findings
    .filter(({ code }) => /^(TPM|WEAK|CLASS_INS)/.test(code))
    .map(({ code, effect, subject }) => `${effect} ${code} ${subject}`);

describe('the ledger of advisories', () => {
  it('is of the version that was given to what it says: raise it, and POLICY, with any change', () => {
    const digest = createHash('sha256').update(JSON.stringify(ADVISORIES)).digest('hex');
    assert.deepEqual(
      [POLICY, ADVISORIES_VERSION, digest.slice(0, 16)],
      ['touchstone/appraisal/3', 1, '92e43821c3b9b1cf'],
    );
  });

  const known: readonly (readonly [string, readonly number[], readonly string[]])[] = [
    ['IFX', [7, 61, 2785], ['ROCA']],
    ['IFX', [7, 62, 12, 13_824], []],
    ['IFX', [6, 40], []],
    ['STM', [73, 4, 17_568, 6_684], ['TPM_FAIL_ST']],
    ['STM', [73, 20, 17_568, 6_684], []],
    ['STM', [1, 258], []],
    ['INTC', [11, 8, 50, 3_399], ['TPM_FAIL_INTEL']],
    ['INTC', [11, 8, 65, 0], []],
    ['INTC', [12, 0, 34, 65_535], ['TPM_FAIL_INTEL']],
    ['INTC', [15, 0, 10, 1_447], []],
    ['NTC', [1, 3, 2, 8], ['NUVOTON_SA_003']],
    ['NTC', [1, 3, 2, 20], []],
    ['NTC', [7, 2, 1, 0], []],
    ['AMD', [3, 58, 0, 5], ['FAULTPM']],
    ['AMD', [6, 32, 0, 6], []],
    ['IBM', [3, 58, 0, 5], []],
  ];
  for (const [maker, words, names] of known) {
    it(`has ${names.join() || 'nothing'} against ${maker} ${words.join('.')}`, () => {
      assert.deepEqual(advisoriesOf(maker, version(...words)), names);
    });
  }

  it('reads a version as real TPMs write it', () => {
    assert.equal(firmwareText(0x0007_003e_000c_3600n), '7.62.12.13824');
    assert.equal(firmwareText(2n ** 64n - 1n), '65535.65535.65535.65535');
  });
});

describe('what several documents ask of a TPM', () => {
  const of = (...tpm: Baseline['tpm'][]) => tpmPolicyOf(tpm.map((one) => document(one)));

  it('enforces what is remote and concerns the AK, and warns of all else, where nobody says', () => {
    const { effectOf, physical } = of(undefined);
    assert.equal(physical, undefined);
    assert.deepEqual(
      [effectOf('ROCA', true), effectOf('ROCA', false), effectOf('TPM_FAIL_ST', true)],
      ['enforce', 'warn', 'warn'],
    );
    assert.equal(effectOf('FAULTPM', false), 'warn');
  });

  it('is what one says, and of several the strictest', () => {
    const mild = { mode: 'warn', advisories: { local: 'observe' } } as const;
    const strict = { mode: 'warn', advisories: { local: 'enforce' } } as const;
    assert.equal(of(mild).effectOf('TPM_FAIL_ST', true), 'observe');
    assert.equal(of(mild, strict).effectOf('TPM_FAIL_ST', true), 'enforce');
    assert.equal(of(strict, mild).effectOf('TPM_FAIL_ST', true), 'enforce');
    const accepted = { mode: 'warn', accept: ['TPM_FAIL_ST'] } as const;
    assert.equal(
      of({ ...accepted, accept: [...accepted.accept] }).effectOf('TPM_FAIL_ST', true),
      'observe',
    );
    const both = of({ ...accepted, accept: [...accepted.accept] }, strict);
    assert.equal(both.effectOf('TPM_FAIL_ST', true), 'enforce');
    assert.equal(both.effectOf('TPM_FAIL_INTEL', true), 'enforce');
  });

  it('asks for resistance as the strictest of them does', () => {
    const resists: ['physical'] = ['physical'];
    const { physical } = of({ mode: 'warn', resists }, { mode: 'enforce', resists });
    assert.equal(physical?.effect, 'enforce');
  });
});

describe('appraiseEvidence, of the TPM itself', () => {
  it('takes any weakness for the worst, one that it does not know too: WEAK_KEY', () => {
    for (const name of ['ek-roca', 'of-a-later-release']) {
      const result = judged({ weaknesses: [name] });
      assert.deepEqual(about(result), ['enforce WEAK_KEY EK']);
      assert.equal(result.verdict, 'contraindicated');
      assert.equal(result.vector.hardware, 96);
    }
  });

  it('says where nobody vouches for a maker, and of a certificate of before nothing', () => {
    const held = 'discrete';
    assert.deepEqual(about(judged({ pinned: true, weaknesses: [] }, { held })), [
      'observe TPM_MAKER_UNKNOWN TPM',
    ]);
    assert.deepEqual(about(judged(undefined, { held })), []);
    assert.deepEqual(about(judged({ weaknesses: [] })), []);
  });

  it('finds no TPM resistant of which nobody can tell: CLASS_INSUFFICIENT', () => {
    const documents = [document({ mode: 'enforce', resists: ['physical'] })];
    const insufficient = ['enforce CLASS_INSUFFICIENT TPM'];
    for (const held of ['software', 'virtual', 'discrete', 'firmware'] as const) {
      const some = about(judged(undefined, { held, documents }));
      assert.deepEqual(some, insufficient, held);
    }
    const of = { documents, firmware: version(73, 20) };
    assert.deepEqual(
      about(judged({ maker: 'STM', weaknesses: [] }, { ...of, held: 'discrete' })),
      [],
    );
    // Software has the maker that it likes.
    assert.deepEqual(about(judged({ maker: 'STM', weaknesses: [] }, of)), insufficient);
  });

  it('counts as insufficient what a document accepts: it was weighed for another purpose', () => {
    const documents = [document({ mode: 'warn', resists: ['physical'], accept: ['FAULTPM'] })];
    const of = { held: 'firmware', documents, firmware: version(3, 58) } as const;
    assert.deepEqual(about(judged({ maker: 'AMD', weaknesses: [] }, of)), [
      'warn CLASS_INSUFFICIENT TPM',
      'observe TPM_ADVISORY FAULTPM',
    ]);
  });

  it('is looked at anew each time: an update of firmware shows at once', () => {
    const memo = new AppraisalMemo();
    const tpm = { maker: 'STM', weaknesses: [] };
    const old = judged(tpm, { firmware: version(73, 4), memo });
    const updated = judged(tpm, { firmware: version(73, 20), memo });
    assert.deepEqual([about(old), about(updated)], [['warn TPM_ADVISORY TPM_FAIL_ST'], []]);
    assert.equal(old.vector.hardware, 32);
    assert.equal(updated.vector.hardware, 0);
  });

  it('puts class, maker, firmware and advisories into the result', () => {
    const result = judged({ maker: 'STM', weaknesses: [] }, { firmware: version(73, 4) });
    const { submods } = resultClaims(result, {
      ...{ issuer: 'https://s', hostId: HOST_ID, state: 'trusted', build: 'x' },
      ...{ id: HOST_ID, now: new Date('2026-11-22T12:00:00Z') },
    });
    assert.match(submods.host['touchstone.class-policy'] ?? '', /^2\.25\.[0-9]+\.1\.4$/);
    assert.deepEqual(submods.host['touchstone.tpm'], {
      ...{ maker: 'STM', firmware: '73.4.0.0', advisories: ['TPM_FAIL_ST'] },
    });
  });
});
