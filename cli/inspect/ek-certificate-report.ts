import { findingFrom } from '@touchstone/appraisal';
import {
  checkEkCertificate,
  type EkCertificate,
  ENDORSEMENT_CODES,
  isRocaModulus,
  type PathFinding,
  validatePath,
} from '@touchstone/endorsement';
import type { Finding, FindingEffect } from '@touchstone/schemas';
import type { CertificateStore } from './certificate-store.ts';

/** What `touchstone inspect ek-cert --json` prints: names and forms are an interface. */
export type EkCertificateReport = {
  /** RFC 4514; '' if there is none. */
  readonly subject: string;
  readonly issuer: string;
  /** `RSA-2048`, `ECC P-384`. */
  readonly key: string;
  /** As the issuer wrote it; it names the chip and proves nothing. */
  readonly tpm: {
    readonly manufacturer: string | null;
    readonly model: string | null;
    readonly version: string | null;
  };
  readonly chain: ChainVerdict;
  /** What is beside the specifications and was read all the same. */
  readonly quirks: readonly string[];
  readonly findings: readonly Finding[];
};

export type ChainVerdict = 'trusted' | 'unknown-root' | 'invalid' | 'not-checked';

export type EkCertificateQuestion = {
  readonly leaf: EkCertificate;
  /** What came with it. */
  readonly intermediates: readonly EkCertificate[];
  /** undefined: the chain is not asked about. */
  readonly store: CertificateStore | undefined;
  readonly now: Date;
};

export function reportEkCertificate(question: EkCertificateQuestion): EkCertificateReport {
  const { subject, issuer, keyKind, tpm, quirks: own } = question.leaf;
  const { manufacturer = null, model = null, version = null } = tpm;
  const about = { subject, issuer, key: keyKind, tpm: { manufacturer, model, version } };
  const { chain, quirks, findings } = chainOf(question);
  const weak = weakKeyFindings(question.leaf);
  return { ...about, chain, quirks: [...own, ...quirks], findings: [...weak, ...findings] };
}

function weakKeyFindings({ publicKey }: EkCertificate): Finding[] {
  const { n } = publicKey.export({ format: 'jwk' });
  if (n === undefined || !isRocaModulus(Buffer.from(n, 'base64url'))) return [];
  const actual = 'the fingerprint of CVE-2017-15361';
  const reason = { ...ENDORSEMENT_CODES.EK_WEAK, actor: 'operator' } as const;
  return [findingFrom('EK_WEAK', reason, { subject: 'modulus', actual, effect: 'enforce' })];
}

function chainOf(
  question: EkCertificateQuestion,
): Pick<EkCertificateReport, 'chain' | 'quirks' | 'findings'> {
  const { leaf, intermediates, store, now } = question;
  if (store === undefined) {
    const found = checkEkCertificate(leaf, now);
    return {
      chain: 'not-checked',
      quirks: [],
      findings: found.map((one) => told(one, effectAlone(one))),
    };
  }
  const { roots, others: collected } = store;
  const path = validatePath({ leaf, intermediates, collected, roots, now, kind: 'ek' });
  if (path.ok) return { chain: 'trusted', quirks: path.quirks, findings: [] };
  const isUnknown = path.findings.some(({ code }) => code === 'EK_UNTRUSTED_ROOT');
  return {
    chain: isUnknown ? 'unknown-root' : 'invalid',
    quirks: [],
    findings: path.findings.map((one) => told(one, 'enforce')),
  };
}

/**
 * RFC 5280, 4.2: a certificate with a critical extension that is not understood is to be refused by whoever
 * reads it. Dates and purposes count where something is to be built on it, which was not asked.
 */
const effectAlone = ({ code }: PathFinding): FindingEffect =>
  code === 'EXT_CRITICAL' ? 'enforce' : 'warn';

const told = ({ code, subject, detail }: PathFinding, effect: FindingEffect): Finding =>
  findingFrom(
    code,
    { ...ENDORSEMENT_CODES[code], actor: 'operator' },
    { subject, actual: detail, effect },
  );
