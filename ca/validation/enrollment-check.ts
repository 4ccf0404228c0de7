import {
  akQualifiedNameOf,
  type AssuranceClass,
  checkAkPublic,
  checkEkPublic,
  type PathFinding,
  type Problem,
} from '@touchstone/endorsement';
import type { Finding } from '@touchstone/schemas';
import { nameOf, parseTpm2bPublic, type TpmtPublic } from '@touchstone/tpm';
import { certificateNotes } from './certificate-notes.ts';
import { type ConfiguredRoot, type EkChain, ekChainOf } from './ek-chain.ts';

/** The bytes of an EnrollmentRequest. */
export type EnrollmentBytes = {
  /** DER, or what an NV index held. */
  readonly ekCertificates: readonly Uint8Array[];
  /** TPM2B_PUBLIC */
  readonly ekPublic: Uint8Array;
  /** TPM2B_PUBLIC */
  readonly akPublic: Uint8Array;
  readonly software: boolean;
};

declare const checked: unique symbol;

/** An enrolment that `checkEnrollment` found nothing against. That the AK is in that TPM is still to prove. */
export type CheckedEnrollment = EnrollmentIdentity & {
  readonly class: AssuranceClass;
  /** What a person should know; none of it speaks against the enrolment. */
  readonly notes: readonly Finding[];
  readonly [checked]: true;
};

export type EnrollmentIdentity = {
  readonly ekPublic: TpmtPublic;
  readonly ekName: Uint8Array;
  /** The EK certificate first, then what came with it, as sent. */
  readonly ekCertificates: readonly Uint8Array[];
  readonly ekIssuer: string;
  readonly akPublic: TpmtPublic;
  readonly akName: Uint8Array;
  readonly akQualifiedName: Uint8Array;
};

export type EnrollmentVerdict =
  | { readonly kind: 'checked'; readonly enrollment: CheckedEnrollment }
  /** Nothing else is against it. Never accepted by itself: an administrator decides. */
  | { readonly kind: 'untrusted-root'; readonly identity: EnrollmentIdentity }
  | { readonly kind: 'refused'; readonly problems: readonly [Problem, ...Problem[]] };

/**
 * What `checked` proves:
 *
 * - the EK is the certificate's key, and one of the templates that we take to the bit;
 * - a configured root vouches for the certificate, and gives the class; or the host calls itself
 *   software, which is the one class that nobody has to vouch for and that any host may have;
 * - the AK is restricted, cannot leave its TPM, and has no other use;
 * - both Names and the AK's Qualified Name were computed here, from the public areas.
 *
 * Throws ParseError for bytes that are no such structure.
 */
export function checkEnrollment(
  request: EnrollmentBytes,
  context: { readonly roots: readonly ConfiguredRoot[]; readonly now: Date },
): EnrollmentVerdict {
  const ekPublic = parseTpm2bPublic(request.ekPublic);
  const akPublic = parseTpm2bPublic(request.akPublic);
  const chain = ekChainOf(ekPublic, request.ekCertificates, context);
  const [first, ...rest] = [
    ...checkEkPublic(ekPublic, chain.leaf),
    ...checkAkPublic(akPublic),
    ...chainProblems(chain, request.software),
  ];
  if (first !== undefined) return { kind: 'refused', problems: [first, ...rest] };

  const identity: EnrollmentIdentity = {
    ...{ ekPublic, ekName: nameOf(ekPublic), akPublic, akName: nameOf(akPublic) },
    akQualifiedName: akQualifiedNameOf(ekPublic, akPublic),
    ekCertificates: leafFirst(chain, request.ekCertificates),
    ekIssuer: chain.leaf.issuer,
  };
  const assuranceClass = classOf(chain, request.software);
  if (assuranceClass === undefined) return { kind: 'untrusted-root', identity };
  const found: Omit<CheckedEnrollment, typeof checked> = {
    ...identity,
    class: assuranceClass,
    notes: certificateNotes(chain, assuranceClass),
  };
  return { kind: 'checked', enrollment: found as CheckedEnrollment };
}

/** What is wrong with the certificate itself comes first; a host that is software needs no root. */
function chainProblems(chain: EkChain, software: boolean): Problem[] {
  if (chain.kind !== 'refused') return [];
  const isUnknown = ({ code }: PathFinding) => code === 'EK_UNTRUSTED_ROOT';
  const own = chain.findings.filter((found) => !isUnknown(found));
  const told = software ? own : [...own, ...chain.findings.filter(isUnknown)];
  return told.map(({ code, subject, detail }) => ({ code, subject, actual: detail }));
}

/** `software` can only lower: a host has no other word in its class. */
function classOf(chain: EkChain, software: boolean): AssuranceClass | undefined {
  if (software) return 'software';
  return chain.kind === 'trusted' ? chain.root.class : undefined;
}

function leafFirst(chain: EkChain, sent: readonly Uint8Array[]): readonly Uint8Array[] {
  const { der } = chain.leaf;
  return [der, ...sent.filter((bytes) => Buffer.compare(bytes, der) !== 0)];
}
