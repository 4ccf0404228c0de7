import assert from 'node:assert/strict';
import type { ImaPolicy } from '@touchstone/schemas';
import { hash } from '@touchstone/tpm';
import {
  binaryList,
  dataOfSample,
  digestOf,
  fileFields,
  named,
  name,
  type SampleEntry,
} from '../../test/support/made-ima.ts';
import { judgeIma, kexecInIma } from '../judge-ima.ts';

describe('kexec, where IMA measures each kernel', () => {
  const AGGREGATE: SampleEntry = {
    template: 'ima-ng',
    fields: [named('sha256', digestOf('x')), name('boot_aggregate')],
  };
  const FILE: SampleEntry = { template: 'ima-ng', fields: fileFields('/usr/bin/bash') };
  const digests = `${Buffer.from(digestOf('/usr/bin/bash')).toString('hex')}  /usr/bin/bash\n`;
  const POLICY: ImaPolicy = {
    mode: 'enforce',
    files: [{ digests }],
    measures: ['KEXEC_KERNEL_CHECK'],
  };
  const isMeasured = (...policies: readonly ImaPolicy[]): boolean | undefined => {
    const entries = [AGGREGATE, FILE];
    const pcr10 = entries.reduce(
      (pcr: Uint8Array, entry) => hash('sha256', pcr, hash('sha256', dataOfSample(entry))),
      new Uint8Array(32),
    );
    const measured = {
      policies: policies.map((policy, at) => ({ document: `runtime ${at}`, policy })),
      ...{ known: [], prior: undefined },
      pcrs: new Map([['sha256' as const, new Map([[10, pcr10]])]]),
      list: { fromEntry: 0, entries: binaryList(...entries) },
    };
    return kexecInIma(measured, judgeIma(measured))?.measured;
  };

  it('is held off where no kernel goes unjudged', () => {
    assert.equal(isMeasured(POLICY), true);
    const { measures: _, ...another } = POLICY;
    assert.equal(isMeasured(another), false);
    assert.equal(isMeasured({ ...POLICY, mode: 'warn' }), false);
  });

  it('is not where an unknown file does not enforce, or one may lie where nothing is judged', () => {
    assert.equal(isMeasured({ ...POLICY, unlisted: 'observe' }), false);
    assert.equal(isMeasured({ ...POLICY, exclude: ['/var/log/**'] }), false);
    const { measures: _, ...excluding } = { ...POLICY, exclude: ['/tmp/**'] };
    assert.equal(isMeasured(POLICY, excluding), false);
    // The strictest says what an unknown file does.
    assert.equal(isMeasured({ ...POLICY, unlisted: 'observe' }, POLICY), true);
  });
});
