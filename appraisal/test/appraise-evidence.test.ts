import assert from 'node:assert/strict';
import { enforced, appraised, codes } from './support/made-host.ts';

describe('appraiseEvidence', () => {
  it('finds nothing but the unmeasured kexec on a software host that is as approved', () => {
    const result = appraised();
    assert.deepEqual(enforced(result), [], JSON.stringify(result.findings, null, 1));
    assert.deepEqual(codes(result.findings), ['KEXEC_UNMEASURED']);
    assert.equal(result.verdict, 'warning');
    assert.equal(result.selfReportedMeasurements, true);
    assert.deepEqual(result.vector, {
      'instance-identity': 2,
      configuration: 2,
      executables: 32,
      hardware: 0,
    });
  });
});
