import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { AssuranceClass, Finding } from '@touchstone/schemas';
import { hash } from '@touchstone/tpm';
import { baselineOfLog } from '../../test/support/firmware-baseline.ts';
import {
  application,
  ascii,
  bootOf,
  type BootParts,
  firmwareLog,
} from '../../test/support/firmware-boot.ts';
import { appraiseEvidence } from '../index.ts';
import { certify } from './support/made-authority.ts';
import { AK, appraisal, makeEvidence, PCRS } from './support/made-evidence.ts';
import { enforced, verified } from './support/made-host.ts';

const digestOf = (program: string) => Buffer.from(hash('sha256', ascii(program))).toString('hex');
const KERNEL = digestOf('kernel');
const APPROVED = baselineOfLog(firmwareLog(), {
  ...{ name: 'machines', labels: {}, pcrs: PCRS, lockdown: [KERNEL] },
});

/** A host with a chip that booted this, and says that it has images of these digests to boot from. */
function booted(
  changed: Partial<BootParts>,
  claimedNextBoot: string[],
  held: AssuranceClass = 'discrete',
) {
  const selfReported = {
    ...{ claimedHostname: 'h', claimedKernel: 'k', agentVersion: '1' },
    ...(claimedNextBoot.length === 0 ? {} : { claimedNextBoot }),
  };
  const log = firmwareLog(bootOf(changed));
  const document = { ...APPROVED, match: { labels: {}, class: [held] } };
  const evidence = verified(makeEvidence({ log, statement: { selfReported } }), {
    akCertificate: certify(AK, held),
  });
  const context = appraisal({ class: held, baselines: [document] });
  // Other words are other evidence.
  return { ...appraiseEvidence(evidence, context), evidence: '' };
}

const NEWER = { kernel: [application('', 'a newer kernel')] };

describe('what a host with a chip has to boot from', () => {
  for (const held of ['discrete', 'firmware', 'virtual'] as const) {
    it(`says of class ${held} that a restart resolves what runs: EVENT_RESTART_RESOLVES`, () => {
      const before = booted(NEWER, [], held);
      const after = booted(NEWER, [digestOf('a newer kernel'), KERNEL], held);
      assert.ok(enforced(before).includes('EVENT_DIFFERS'));
      const told = after.findings.find(({ code }) => code === 'EVENT_RESTART_RESOLVES');
      assert.match(told?.subject ?? '', /in PCR 4/u);
      assert.match(told?.remedy ?? '', /on its disk\. The host alone says so/u);
      assert.equal(after.verdict, 'contraindicated');
    });
  }

  it('says nothing where what is approved is not there', () => {
    const claims = [digestOf('a newer kernel'), digestOf('another')];
    assert.deepEqual(booted(NEWER, claims), booted(NEWER, []));
  });

  it('says nothing against a host that is good', () => {
    assert.deepEqual(booted({}, [KERNEL, digestOf('another')]), booted({}, []));
  });

  it('changes words, and never a verdict, an effect or what is found', () => {
    const programs = [
      'kernel',
      'shim',
      'grub',
      'option ROM',
      'a newer kernel',
      'another',
      'rootkit',
    ];
    const boots: Partial<BootParts>[] = [
      {},
      NEWER,
      { shim: [application('\\EFI\\BOOT\\BOOTX64.EFI', 'rootkit')] },
      { grub: [], kernel: [application('', 'rootkit'), application('', 'kernel')] },
    ];
    const judged = (result: ReturnType<typeof booted>) => ({
      ...result,
      findings: result.findings.map(inJudgement),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...boots),
        fc.uniqueArray(fc.constantFrom(...programs), { minLength: 1 }),
        fc.constantFrom<AssuranceClass>('discrete', 'firmware', 'virtual', 'software'),
        (changed, claimed, held) => {
          const claims = claimed.map(digestOf);
          assert.deepEqual(
            judged(booted(changed, claims, held)),
            judged(booted(changed, [], held)),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});

/** Without what it is called and what it advises. */
function inJudgement({ code: _code, remedy: _remedy, actor: _actor, ...found }: Finding) {
  return found;
}
