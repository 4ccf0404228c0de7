import {
  type AssuranceClass,
  type EkCertificate,
  parseEkCertificate,
  type PathFinding,
  type PathQuirk,
  validatePath,
} from '@touchstone/endorsement';
import type { EkAlgorithm } from '@touchstone/schemas';
import { ParseError, publicKeyOf, type TpmtPublic } from '@touchstone/tpm';

/** A root that the administrator trusts, and what kind of TPM it vouches for. */
export type ConfiguredRoot = {
  /** Of the CA's own bundle, by its operators; otherwise of its configuration. */
  readonly inBundle?: boolean;
  readonly der: Uint8Array;
  readonly class: AssuranceClass;
  /** What it may call the makers of the TPMs that it vouches for; undefined where nobody said. */
  readonly manufacturers?: readonly string[];
  /** Which EKs of its TPMs are taken, where they have certificates of several. `any` where nobody said. */
  readonly ekAlgorithm?: EkAlgorithm;
  /** What its certificates have to say of their use; `usual` where nobody said. */
  readonly eku?: EkuPolicy;
};

/**
 * extKeyUsage of an EK certificate, which TCG EK Credential Profile 2.5, 3.2.16 has with tcg-kp-EKCertificate. `usual`:
 * one that has none is taken, with a warning. `strict`: it is not. `lenient`: nor does one for other uses matter.
 */
export type EkuPolicy = 'strict' | 'usual' | 'lenient';
/** Whom the CA goes by. */
export type TrustedCertificates = {
  readonly roots: readonly ConfiguredRoot[];
  /** DER: links that a host need not send, trusted for nothing. */
  readonly intermediates: readonly Uint8Array[];
};

/** What the EK certificates say about the key that the host presents. */
export type EkChain =
  | {
      readonly kind: 'trusted';
      readonly leaf: EkCertificate;
      readonly root: ConfiguredRoot;
      readonly quirks: readonly PathQuirk[];
    }
  /** Well formed, and vouched for by nobody that is configured. */
  | { readonly kind: 'unknown-root'; readonly leaf: EkCertificate }
  /** The host has none: some chips were never given one. */
  | { readonly kind: 'no-certificate'; readonly leaf: undefined }
  | {
      readonly kind: 'refused';
      readonly leaf: EkCertificate;
      readonly findings: readonly PathFinding[];
    };

/**
 * Picks, among what the host sent, the certificate of this very key; all others are intermediates that
 * nothing is believed of. If no certificate is of this key, the first stands for them, so that
 * `checkEkPublic` can say that it is not. Throws ParseError if none can be read at all.
 */
export function ekChainOf(
  ekPublic: TpmtPublic,
  certificates: readonly Uint8Array[],
  { roots, intermediates: collected, now }: TrustedCertificates & { readonly now: Date },
): EkChain {
  if (certificates.length === 0) return { kind: 'no-certificate', leaf: undefined };
  const readable = readCertificates(certificates);
  const key = publicKeyOf(ekPublic);
  const leaf = readable.find(({ publicKey }) => publicKey.equals(key)) ?? readable[0];
  const path = validatePath({
    ...{ leaf, roots, collected, now, kind: 'ek', leafUsage: 'unchecked' },
    intermediates: readable.filter((certificate) => certificate !== leaf),
  });
  if (!path.ok) {
    const unknown = path.findings.every(({ code }) => code === 'EK_UNTRUSTED_ROOT');
    const { findings } = path;
    return unknown ? { kind: 'unknown-root', leaf } : { kind: 'refused', leaf, findings };
  }
  const root = roots.find(({ der }) => Buffer.compare(der, path.root) === 0);
  if (root === undefined)
    throw new Error('validatePath gave a root that was not among those given');
  return { kind: 'trusted', leaf, root, quirks: path.quirks };
}

/** One that cannot be read is left aside: it may be of another key, and vouches for nothing. */
function readCertificates(
  certificates: readonly Uint8Array[],
): readonly [EkCertificate, ...EkCertificate[]] {
  const readable: EkCertificate[] = [];
  let failure = new ParseError('TRUNCATED', 'ekCertificates', 0);
  for (const bytes of certificates) {
    try {
      readable.push(parseEkCertificate(bytes));
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      failure = error;
    }
  }
  const [first, ...rest] = readable;
  if (first === undefined) throw failure;
  return [first, ...rest];
}
