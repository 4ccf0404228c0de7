import { ParseError } from '@touchstone/tpm';
import { type Certificate, labelOf, parseCertificate } from './certificate.ts';
import { verifyCertificateSignature } from './certificate-signature.ts';
import { chainCandidates, isSelfIssued } from './chain-candidates.ts';
import type { EndorsementCode } from './codes.ts';
import { basicConstraints, extendedKeyUsage, keyUsage } from './extensions.ts';
import { ANY_EXTENDED_KEY_USAGE, EXTENSION, TCG_OID } from './oids.ts';
import { publicKeyOfSpki } from './public-key.ts';

/** DER, or something that was read from it. */
export type CertificateInput = Uint8Array | { readonly der: Uint8Array };

export type PathInput = {
  readonly leaf: CertificateInput;
  /** In any order; what does not belong to the path is left aside. */
  readonly intermediates: readonly CertificateInput[];
  /** More of them, out of a collection of one's own: believed no more, and of any number. */
  readonly collected?: readonly CertificateInput[];
  /** Trusted because they are given, by their bytes; their own signatures say nothing. */
  readonly roots: readonly CertificateInput[];
  readonly now: Date;
  /** What the leaf is for: the endorsement key of a TPM. */
  readonly kind: 'ek';
  /** `unchecked`: what the leaf's extKeyUsage says is looked at by whoever asks. */
  readonly leafUsage?: 'unchecked';
};

/** What real chains do beside the specifications and is believed all the same. */
export type PathQuirk = 'expired-issuer';

export type PathFinding = {
  readonly code: EndorsementCode;
  /** The certificate it is about: its subject, or its serial number if it has none. */
  readonly subject: string;
  readonly detail: string;
};

export type PathVerdict =
  | {
      readonly ok: true;
      /** DER of the root, one of those given. */
      readonly root: Uint8Array;
      /** DER, the leaf first and the root last. */
      readonly chain: readonly Uint8Array[];
      readonly quirks: readonly PathQuirk[];
    }
  | { readonly ok: false; readonly findings: readonly PathFinding[] };

const MAX_INTERMEDIATES = 16;

/** Extensions whose meaning is honoured here, or has none for a path that asks for no policy. */
const PROCESSED = new Set<string>([
  EXTENSION.keyUsage,
  EXTENSION.basicConstraints,
  EXTENSION.extendedKeyUsage,
  EXTENSION.certificatePolicies,
]);

/** RFC 5280, 6.1, for one leaf. `ok` proves that, on a path from the leaf to one of the roots,
 *
 * - each certificate is signed by the next one's key, with SHA-2 and a key that is strong enough;
 * - issuer and subject names chain, and the key identifiers where both sides have them;
 * - `now` lies within the leaf's validity, and is past nobody's notBefore;
 * - each issuer is valid now, or has ended since and was valid when the certificate below it began: chips outlive
 *   their makers' CAs (`expired-issuer`);
 * - each issuer is a CA, may sign certificates, and is no further from the leaf than its pathLen allows;
 * - no certificate has a critical extension that was not looked at, and none has name constraints;
 * - leaf and issuers, if they limit what they are for, are for endorsement keys, and the leaf is no CA.
 *
 * It says nothing of revocation. Where no chain leads to a root, what stands against the leaf by itself
 * is found all the same. Throws ParseError if what is given is no certificate.
 */
export function validatePath(input: PathInput): PathVerdict {
  const leaf = certificateOf(input.leaf);
  const refuse = (code: EndorsementCode, detail: string): PathVerdict => ({
    ok: false,
    findings: [{ code, subject: labelOf(leaf), detail }],
  });
  if (input.intermediates.length > MAX_INTERMEDIATES) {
    return refuse('PATH_TOO_COMPLEX', `more than ${MAX_INTERMEDIATES} intermediates`);
  }
  const { intermediates, collected = [], roots } = input;
  const sent = intermediates.map(certificateOf).filter((sentAlong) => !isSelfSigned(sentAlong));
  const candidates = chainCandidates(
    leaf,
    [...sent, ...collected.map(certificateOf)],
    roots.map(certificateOf),
  );
  if (!candidates) return refuse('PATH_TOO_COMPLEX', 'too many chains');

  let fewest: readonly PathFinding[] | undefined;
  for (const chain of candidates) {
    const findings = chainFindings(chain, input);
    const root = chain.at(-1);
    if (findings.length === 0 && root) {
      const quirks = chain.some(({ notAfter }) => notAfter < input.now)
        ? (['expired-issuer'] as const)
        : [];
      return { ok: true, root: root.der, chain: chain.map(({ der }) => der), quirks };
    }
    if (!fewest || findings.length < fewest.length) fewest = findings;
  }
  if (fewest) return { ok: false, findings: fewest };
  const detail = `no chain from issuer ${leaf.issuer.text} to a trusted root`;
  const unknown = { code: 'EK_UNTRUSTED_ROOT', subject: labelOf(leaf), detail } as const;
  return { ok: false, findings: [unknown, ...chainFindings([leaf], input)] };
}

/**
 * What stands against an EK certificate whoever issued it: its dates, a critical extension that is not
 * understood, another use than an endorsement key's. Throws ParseError if it is no certificate.
 */
export function checkEkCertificate(leaf: CertificateInput, now: Date): readonly PathFinding[] {
  return chainFindings([certificateOf(leaf)], { now });
}

/**
 * A root that was sent along leads to no other root: what it has signed, a trusted root with the same key has too.
 * Left in, it would look like a forgery of every trusted root of the same name, and every swtpm's root has one name.
 */
function isSelfSigned(certificate: Certificate): boolean {
  if (!isSelfIssued(certificate)) return false;
  try {
    return verifyCertificateSignature(certificate, publicKeyOfSpki(certificate.spki).key).ok;
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return false;
  }
}

function certificateOf(input: CertificateInput): Certificate {
  return parseCertificate(input instanceof Uint8Array ? input : input.der);
}

function chainFindings(
  chain: readonly Certificate[],
  { now, leafUsage }: Pick<PathInput, 'now' | 'leafUsage'>,
): readonly PathFinding[] {
  return chain.flatMap((certificate, index) => {
    const child = index === 0 ? undefined : chain[index - 1];
    const below = chain.slice(1, Math.max(1, index));
    const found = [
      ...validityFindings(certificate, now, child),
      ...extensionFindings(certificate, child === undefined),
      ...(child ? issuerFindings(certificate, child, below) : leafFindings(certificate, leafUsage)),
    ];
    const subject = labelOf(certificate);
    return found.map(([code, detail]) => ({ code, subject, detail }));
  });
}

type Found = readonly [code: EndorsementCode, detail: string];

function validityFindings(
  { notBefore, notAfter }: Certificate,
  now: Date,
  child: Certificate | undefined,
): Found[] {
  // An invalid Date compares false with everything: only a yes to both is a yes.
  if (now >= notBefore && now <= notAfter) return [];
  const hadIssuedBefore =
    child !== undefined && child.notBefore >= notBefore && child.notBefore <= notAfter;
  if (now > notAfter && hadIssuedBefore) return [];
  return now < notBefore
    ? [['CERT_NOT_YET_VALID', `not before ${notBefore.toISOString()}`]]
    : [['CERT_EXPIRED', `not after ${notAfter.toISOString()}`]];
}

function extensionFindings({ extensions }: Certificate, isLeaf: boolean): Found[] {
  const found: Found[] = [];
  for (const { oid, critical } of extensions.values()) {
    // The EK certificate's subject lies in its subjectAltName: TCG EK Credential Profile 2.5, 3.2.9.
    const processed = PROCESSED.has(oid) || (isLeaf && oid === EXTENSION.subjectAltName);
    if (critical && !processed) found.push(['EXT_CRITICAL', `unknown critical extension ${oid}`]);
    else if (oid === EXTENSION.nameConstraints) found.push(['EXT_CRITICAL', 'name constraints']);
  }
  return found;
}

function leafFindings(leaf: Certificate, leafUsage: PathInput['leafUsage']): Found[] {
  const found: Found[] = [];
  if (basicConstraints(leaf)?.ca === true) found.push(['EK_CERT_PROFILE', 'the leaf is a CA']);
  const isAsked = leafUsage !== 'unchecked';
  if (isAsked && !isForEndorsementKeys(leaf))
    found.push(['EK_CERT_PROFILE', 'extKeyUsage without EK']);
  return found;
}

function issuerFindings(
  issuer: Certificate,
  child: Certificate,
  below: readonly Certificate[],
): Found[] {
  const found: Found[] = [];
  const constraints = basicConstraints(issuer);
  if (constraints?.ca !== true) found.push(['ISSUER_NOT_CA', 'basicConstraints without CA']);
  if (keyUsage(issuer)?.includes('keyCertSign') === false) {
    found.push(['ISSUER_MAY_NOT_SIGN', 'keyUsage without keyCertSign']);
  }
  // Self-issued certificates do not count: RFC 5280, 4.2.1.9.
  const depth = below.filter((certificate) => !isSelfIssued(certificate)).length;
  const pathLen = constraints?.pathLen ?? Infinity;
  if (depth > pathLen) found.push(['PATHLEN_EXCEEDED', `${depth} CAs below, ${pathLen} allowed`]);
  if (!isForEndorsementKeys(issuer)) found.push(['ISSUER_USAGE', 'extKeyUsage without EK']);
  const signature = verifyCertificateSignature(child, publicKeyOfSpki(issuer.spki).key);
  if (!signature.ok) found.push([signature.code, `signature over ${labelOf(child)}`]);
  return found;
}

function isForEndorsementKeys(certificate: Certificate): boolean {
  const usages = extendedKeyUsage(certificate);
  return (
    usages === undefined ||
    usages.includes(TCG_OID.ekCertificate) ||
    usages.includes(ANY_EXTENDED_KEY_USAGE)
  );
}
