import assert from 'node:assert/strict';
import { APPROVED, appraised, codes, enforced } from './support/made-host.ts';
import { file, goodLog, MEASURED } from './support/made-evidence.ts';
import type { Baseline } from '@touchstone/schemas';

describe('appraiseEvidence', () => {
  it('finds nothing but the unmeasured kexec on a software host that is as approved', () => {
    const result = appraised();
    assert.deepEqual(codes(result.findings), ['KEXEC_UNMEASURED']);
    assert.equal(result.verdict, 'warning');
    assert.ok(result.events.every(({ verdict }) => verdict === 'expected'));
    assert.equal(result.events.length, MEASURED.length);
  });

  it('says that a software host measures itself, and claims nothing of its hardware', () => {
    const result = appraised();
    assert.equal(result.selfReportedMeasurements, true);
    const vector = { 'instance-identity': 2, configuration: 2, executables: 32, hardware: 0 };
    assert.deepEqual(result.vector, vector);
  });

  it('names what it was made from', () => {
    const result = appraised();
    const names = result.baselines.map(({ part, name, version }) => `${part} ${name} ${version}`);
    assert.deepEqual(names, ['bootChain shed 1', 'commandLine shed 1', 'runtime shed 1']);
    assert.equal(
      result.policyId,
      'touchstone/appraisal/3;bootChain/shed@1,commandLine/shed@1,runtime/shed@1',
    );
    assert.deepEqual(result.boot, { resetCount: 7, restartCount: 1, clock: 123_456n });
    assert.match(result.evidence, /^[0-9a-f]{64}$/);
  });

  it('observes a clock that may have been set back: CLOCK_NOT_SAFE decides nothing', () => {
    const result = appraised({ safe: 0 });
    assert.deepEqual(codes(result.findings), ['KEXEC_UNMEASURED', 'CLOCK_NOT_SAFE']);
    assert.equal(result.verdict, 'warning');
  });

  it('takes no software log for one of a firmware: LOG_WRONG_FOR_CLASS', () => {
    const result = appraised({}, { class: 'discrete' });
    assert.equal(result.verdict, 'contraindicated');
    const expected = ['CLASS_MISMATCH', 'LOG_WRONG_FOR_CLASS'];
    for (const code of [...expected, 'KEXEC_UNMEASURED']) {
      assert.ok(enforced(result).includes(code), code);
    }
  });

  it('puts what enforces first and cuts at 256: the verdict counts all', () => {
    const many = Array.from({ length: 300 }, (_, at) => file(13, `/etc/extra-${at}`, 'x'));
    const result = appraised({ log: goodLog([...MEASURED, ...many]) });
    assert.equal(result.findings.length, 256);
    assert.equal(result.findingsOmitted, 45);
    assert.ok(result.findings.every(({ code }) => code === 'EVENT_UNEXPLAINED'));
    assert.equal(result.verdict, 'contraindicated');
  });

  it('cuts earlier where long texts would not fit a signed result of 1 MiB', () => {
    const many = Array.from({ length: 300 }, (_, at) =>
      file(13, `/${at}${'/\u6f22'.repeat(900)}`, 'x'),
    );
    const result = appraised({ log: goodLog([...MEASURED, ...many]) });
    assert.ok(Buffer.byteLength(JSON.stringify(result.findings)) < 600_000);
    assert.ok(result.findings.length > 0);
    assert.equal(result.findings.length + result.findingsOmitted, 301);
    assert.equal(result.verdict, 'contraindicated');
  });
});

describe('appraiseEvidence: failing closed', () => {
  const throwing = new Proxy({} as Baseline, {
    get() {
      throw new Error('no');
    },
  });
  const half = {
    ...APPROVED[0],
    get rules(): never {
      throw new RangeError('no');
    },
  } as unknown as Baseline;

  for (const [what, baseline] of Object.entries({
    'throws whatever is read': throwing,
    'throws in the middle': half,
    'is no baseline at all': {} as Baseline,
    'is null': null as unknown as Baseline,
  })) {
    it(`P4 makes a baseline that ${what} a finding: APPRAISAL_ERROR, contraindicated`, () => {
      const result = appraised({}, { baselines: [...APPROVED, baseline] });
      assert.equal(result.verdict, 'contraindicated');
      assert.deepEqual(enforced(result), ['APPRAISAL_ERROR']);
      const { executables, configuration } = result.vector;
      assert.deepEqual([executables, configuration], [-1, -1]);
      assert.deepEqual(result.baselines, []);
    });
  }

  it('P5 contraindicates where the time is no time and a baseline may have expired', () => {
    const baselines = APPROVED.map((one) => ({ ...one, expires: '2999-01-01T00:00:00Z' }));
    const result = appraised({}, { baselines, now: new Date(Number.NaN) });
    assert.ok(enforced(result).includes('BASELINE_EXPIRED'));
    assert.equal(result.verdict, 'contraindicated');
  });
});
