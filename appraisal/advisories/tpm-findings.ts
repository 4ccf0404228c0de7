import { isRocaModulus } from '@touchstone/endorsement';
import type { Baseline, Finding } from '@touchstone/schemas';
import type { TpmtPublic } from '@touchstone/tpm';
import { finding, findingFrom } from '../finding.ts';
import { REASONS } from '../reasons.ts';
import type { VerifiedEvidence } from '../verify-evidence.ts';
import { advisoriesOf, firmwareText } from './known-advisories.ts';
import { ADVISORIES, type Advisory, type AdvisoryName } from './ledger.ts';
import { tpmPolicyOf } from './tpm-policy.ts';

/** What is known of the TPM itself. Its class and maker are the CA's word, its firmware is what it signed. */
export type TpmStanding = {
  readonly maker?: string;
  /** An operator's word gave it its class. */
  readonly pinned?: true;
  readonly firmware: string;
  readonly advisories: readonly AdvisoryName[];
};

export type AppraisedTpm = {
  readonly standing: TpmStanding;
  readonly findings: readonly Finding[];
};

/**
 * Whether the TPM can be relied on as far as it is known:
 * - neither its EK, as the CA saw it, nor its AK is a key that can be worked out (always enforced);
 * - what is known against its maker's firmware, by the effects that the documents give;
 * - it resists what the documents ask it to. Where nobody can tell, it does not.
 *
 * The AK is a child of an EK, so that TPMS_ATTEST has the firmware's version as it is: TPM 2.0 Part 1, 36.7.
 */
export function appraiseTpm(
  { attest, certifiedClass, against }: VerifiedEvidence,
  documents: readonly Baseline[],
): AppraisedTpm {
  const { akPublic, akCertificate } = against;
  const { maker, pinned, weaknesses = [] } = akCertificate.tpm ?? {};
  const firmware = firmwareText(attest.firmwareVersion);
  const advisories = maker === undefined ? [] : advisoriesOf(maker, attest.firmwareVersion);
  const policy = tpmPolicyOf(documents);
  const isUnknown =
    maker === undefined && (certifiedClass === 'discrete' || certifiedClass === 'firmware');
  const findings = [
    ...weaknesses.map((name) => finding('WEAK_KEY', { subject: 'EK', actual: name })),
    ...(isRoca(akPublic) ? [finding('WEAK_KEY', { subject: 'AK', actual: 'ak-roca' })] : []),
    ...advisories.map((name) => {
      const { title, remedy, keys }: Advisory = ADVISORIES[name];
      const effect = policy.effectOf(name, keys === akPublic.type);
      const told = {
        subject: name,
        expected: `other firmware of ${maker}`,
        actual: `${firmware}: ${title}`,
      };
      return findingFrom('TPM_ADVISORY', { ...REASONS.TPM_ADVISORY, remedy }, { ...told, effect });
    }),
    ...(akCertificate.tpm !== undefined && isUnknown
      ? [finding('TPM_MAKER_UNKNOWN', { subject: 'TPM', effect: 'observe' })]
      : []),
  ];
  const lacking = whyNotPhysical(certifiedClass, maker, advisories);
  if (policy.physical !== undefined && lacking !== undefined) {
    const { effect, by } = policy.physical;
    const expected = `a TPM that resists physical attacks: ${by}`;
    findings.push(
      finding('CLASS_INSUFFICIENT', { subject: 'TPM', expected, actual: lacking, effect }),
    );
  }
  const standing: TpmStanding = {
    ...(maker !== undefined && { maker }),
    ...(pinned !== undefined && { pinned }),
    ...{ firmware, advisories },
  };
  return { standing, findings };
}

/** Why somebody with the machine in hand has the TPM; undefined where nothing is known that says so. */
function whyNotPhysical(
  certified: VerifiedEvidence['certifiedClass'],
  maker: string | undefined,
  advisories: readonly AdvisoryName[],
): string | undefined {
  if (certified === 'software' || certified === 'virtual') return `class ${certified}`;
  if (maker === undefined) return `class ${certified}, of a maker that nobody vouches for`;
  const against = advisories.filter((name) => ADVISORIES[name].kind === 'physical');
  return against.length === 0 ? undefined : `class ${certified}: ${against.join(', ')}`;
}

/** One AK comes with every evidence of its host. */
const seen = new WeakMap<TpmtPublic, boolean>();

function isRoca(ak: TpmtPublic): boolean {
  if (ak.type !== 'rsa') return false;
  const known = seen.get(ak) ?? isRocaModulus(ak.unique);
  seen.set(ak, known);
  return known;
}
