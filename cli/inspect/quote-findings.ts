import { finding, findingFrom } from '@touchstone/appraisal';
import type { Finding } from '@touchstone/schemas';
import {
  type BankName,
  isStrongHash,
  ParseError,
  pcrDigest,
  type PcrSelection,
  type PcrValues,
  type SignatureVerdict,
  TPMA_OBJECT,
  type TpmsAttest,
  type TpmtSignature,
} from '@touchstone/tpm';
import type { AttestationKey } from './attestation-key.ts';
import { QUOTE_REASONS } from './quote-reasons.ts';

export function signatureFindings(
  verdict: SignatureVerdict,
  ak: AttestationKey,
  { sigAlg, hash }: TpmtSignature,
): Finding[] {
  if (verdict.ok) return [];
  const expected = verdict.code === 'SIG_HASH_WEAK' ? 'sha256, sha384 or sha512' : schemeOf(ak);
  const actual = `${sigAlg} with ${hash}`;
  return [finding(verdict.code, { subject: 'signature', expected, actual })];
}

/** The key may sign nothing as a quote but what its TPM made, and is in that TPM alone. */
export function akFindings(ak: AttestationKey): Finding[] {
  if (ak.kind === 'bare') return [notChecked('AK_ATTRIBUTES_NOT_CHECKED', 'ak')];
  const { objectAttributes } = ak.publicArea;
  const lacks = (...names: (keyof typeof TPMA_OBJECT)[]) =>
    names.filter((name) => (objectAttributes & TPMA_OBJECT[name]) === 0);
  const unrestricted = lacks('restricted', 'sign');
  const movable = lacks('fixedTPM', 'fixedParent', 'sensitiveDataOrigin');
  const subject = 'ak.objectAttributes';
  const decrypts = lacks('decrypt').length === 0;
  return [
    ...(unrestricted.length === 0
      ? []
      : [finding('AK_NOT_RESTRICTED', { subject, expected: unrestricted.join(', ') })]),
    ...(movable.length === 0
      ? []
      : [finding('AK_ATTRIBUTES', { subject, expected: movable.join(', ') })]),
    ...(decrypts ? [finding('AK_ATTRIBUTES', { subject, actual: 'decrypt' })] : []),
  ];
}

/** The whole of extraData is the nonce, byte for byte: nothing is padded and no prefix counts. */
export function nonceFindings({ extraData }: TpmsAttest, nonce: Uint8Array | undefined): Finding[] {
  if (nonce === undefined) return [notChecked('NONCE_NOT_CHECKED', 'attest.extraData')];
  const [expected, actual] = [hexOf(nonce), hexOf(extraData)];
  return expected === actual
    ? []
    : [finding('QUOTE_NONCE_MISMATCH', { subject: 'attest.extraData', expected, actual })];
}

/** Part 3, 18.4: the digest is by the hash of the signing scheme. */
export function pcrFindings(
  { quote }: TpmsAttest,
  values: PcrValues | undefined,
  hash: BankName,
): Finding[] {
  const selected = quote.pcrSelect.filter(({ pcrs }) => pcrs.length > 0);
  if (selected.length === 0) {
    return [finding('SELECTION_EMPTY', { subject: 'attest.quote.pcrSelect' })];
  }
  const weak = selected.every(({ bank }) => !isStrongHash(bank));
  const subject = selected.map(({ bank }) => bank).join(', ');
  return [
    ...(weak ? [finding('BANK_WEAK', { subject, effect: 'warn' })] : []),
    ...(values === undefined
      ? [notChecked('PCRS_NOT_CHECKED', 'attest.quote.pcrDigest')]
      : [...coverageFindings(selected, values), ...digestFindings(quote, values, hash)]),
  ];
}

function coverageFindings(selected: PcrSelection, values: PcrValues): Finding[] {
  const quoted = selected.flatMap(({ bank, pcrs }) => pcrs.map((pcr) => `${bank}:${pcr}`));
  const given = [...values].flatMap(([bank, of]) => [...of.keys()].map((pcr) => `${bank}:${pcr}`));
  const uncovered = given.filter((pcr) => !quoted.includes(pcr));
  const missing = quoted.filter((pcr) => !given.includes(pcr));
  const about = (which: string[]) => ({ subject: `pcrs: ${which.join(' ')}` });
  return [
    ...(uncovered.length === 0 ? [] : [finding('UNCOVERED_PCR', about(uncovered))]),
    ...(missing.length === 0 ? [] : [finding('SELECTION_INCOMPLETE', about(missing))]),
  ];
}

function digestFindings(quote: TpmsAttest['quote'], values: PcrValues, hash: BankName): Finding[] {
  const expected = hexOf(quote.pcrDigest);
  const actual = digestOrCode(quote.pcrSelect, values, hash);
  return expected === actual
    ? []
    : [finding('PCR_DIGEST_MISMATCH', { subject: 'attest.quote.pcrDigest', expected, actual })];
}

function digestOrCode(selection: PcrSelection, values: PcrValues, hash: BankName): string {
  try {
    return hexOf(pcrDigest(selection, values, hash));
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return error.code;
  }
}

function schemeOf(ak: AttestationKey): string | undefined {
  if (ak.kind === 'bare') return undefined;
  const { scheme } = ak.publicArea.parameters;
  return 'hash' in scheme ? `${scheme.scheme} with ${scheme.hash}` : scheme.scheme;
}

const notChecked = (code: keyof typeof QUOTE_REASONS, subject: string): Finding =>
  findingFrom(code, QUOTE_REASONS[code], { subject, effect: 'warn' });

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
