import { createHash } from 'node:crypto';
import {
  akQualifiedNameOf,
  type AssuranceClass,
  checkAkPublic,
  checkEkPublic,
  type PathFinding,
  type Problem,
  type TpmDescription,
} from '@touchstone/endorsement';
import type { Finding } from '@touchstone/schemas';
import { nameOf, parseTpm2bPublic, type TpmtPublic } from '@touchstone/tpm';
import { certificateNotes, quirksOf } from './certificate-notes.ts';
import { type EkChain, ekChainOf, type TrustedCertificates } from './ek-chain.ts';
import { algorithmProblems, usageProblems } from './root-policy.ts';
import { tpmDescription } from './tpm-description.ts';

/** The bytes of an EnrollmentRequest. */
export type EnrollmentBytes = {
  /** DER, or what an NV index held. Some chips have none. */
  readonly ekCertificates: readonly Uint8Array[];
  /** TPM2B_PUBLIC */
  readonly ekPublic: Uint8Array;
  /** TPM2B_PUBLIC */
  readonly akPublic: Uint8Array;
  readonly software: boolean;
};

export type EnrollmentContext = TrustedCertificates & {
  readonly now: Date;
  /** What an operator said of this EK, by its Name. */
  readonly pinnedClass?: AssuranceClass | undefined;
  /** An EK that was taken before stays the host's, whichever would be taken now. */
  readonly renewal?: boolean;
};

declare const checked: unique symbol;

/** An enrolment that `checkEnrollment` found nothing against. That the AK is in that TPM is still to prove. */
export type CheckedEnrollment = EnrollmentIdentity & {
  readonly class: AssuranceClass;
  readonly voucher: Voucher;
  /** For the AK's certificate. */
  readonly tpm: TpmDescription;
  /** How its certificate and chain are beside the specifications. */
  readonly quirks: readonly string[];
  /** What a person should know; none of it speaks against the enrolment. */
  readonly notes: readonly Finding[];
  readonly [checked]: true;
};

/** What gave an EK its class: a root, an operator who pinned that EK, or the host that calls itself software. */
export type Voucher =
  | { readonly by: 'root' | 'configuration'; readonly fingerprint: Uint8Array }
  | { readonly by: 'pin' | 'itself' };

export type EnrollmentIdentity = {
  readonly ekPublic: TpmtPublic;
  readonly ekName: Uint8Array;
  /** The EK certificate first, then what came with it, as sent. */
  readonly ekCertificates: readonly Uint8Array[];
  /** As the certificate names it; null where there is none. */
  readonly ekIssuer: string | null;
  readonly akPublic: TpmtPublic;
  readonly akName: Uint8Array;
  readonly akQualifiedName: Uint8Array;
};

export type EnrollmentVerdict =
  | { readonly kind: 'checked'; readonly enrollment: CheckedEnrollment }
  /** Nothing else is against it. Never accepted by itself: an administrator decides. */
  | { readonly kind: 'unvouched'; readonly identity: EnrollmentIdentity }
  | { readonly kind: 'refused'; readonly problems: readonly [Problem, ...Problem[]] };

/**
 * What `checked` proves:
 *
 * - the EK is one of the templates that we take to the bit, and the certificate's key where there is one;
 * - a trusted root vouches for the certificate, and gives the class; or, where none does, an operator has pinned
 *   this very EK, and said of which class it is; or the host calls itself software, which is the one class that
 *   nobody has to vouch for and that any host may have;
 * - it is of the algorithm that the root has one chosen of, and its certificate for the use that the root asks for;
 * - the AK is restricted, cannot leave its TPM, and has no other use;
 * - both Names and the AK's Qualified Name were computed here, from the public areas.
 *
 * Throws ParseError for bytes that are no such structure.
 */
export function checkEnrollment(
  request: EnrollmentBytes,
  context: EnrollmentContext,
): EnrollmentVerdict {
  const ekPublic = parseTpm2bPublic(request.ekPublic);
  const akPublic = parseTpm2bPublic(request.akPublic);
  const chain = ekChainOf(ekPublic, request.ekCertificates, context);
  const [first, ...rest] = [
    ...checkEkPublic(ekPublic, chain.leaf),
    ...checkAkPublic(akPublic),
    ...chainProblems(chain, request.software),
    ...usageProblems(chain),
    ...(request.software || context.renewal ? [] : algorithmProblems(chain, ekPublic)),
  ];
  if (first !== undefined) return { kind: 'refused', problems: [first, ...rest] };

  const identity: EnrollmentIdentity = {
    ...{ ekPublic, ekName: nameOf(ekPublic), akPublic, akName: nameOf(akPublic) },
    akQualifiedName: akQualifiedNameOf(ekPublic, akPublic),
    ekCertificates: leafFirst(chain, request.ekCertificates),
    ekIssuer: chain.leaf?.issuer ?? null,
  };
  const vouched = vouchedFor(chain, request.software, context.pinnedClass);
  if (vouched === undefined) return { kind: 'unvouched', identity };
  const tpm = tpmDescription(chain, ekPublic, request.software);
  const found: Omit<CheckedEnrollment, typeof checked> = {
    ...identity,
    ...vouched,
    ...{ tpm, quirks: quirksOf(chain) },
    notes: certificateNotes(chain, vouched, tpm),
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

export type Vouched = { readonly class: AssuranceClass; readonly voucher: Voucher };

/** `software` can only lower: a host has no other word in its class. A root's word goes before a pin. */
function vouchedFor(
  chain: EkChain,
  software: boolean,
  pinned: AssuranceClass | undefined,
): Vouched | undefined {
  if (software) return { class: 'software', voucher: { by: 'itself' } };
  if (chain.kind === 'trusted') {
    const { der, class: assuranceClass, inBundle } = chain.root;
    const fingerprint = createHash('sha256').update(der).digest();
    const by = inBundle === true ? 'root' : 'configuration';
    return { class: assuranceClass, voucher: { by, fingerprint } };
  }
  return pinned && { class: pinned, voucher: { by: 'pin' } };
}

function leafFirst({ leaf }: EkChain, sent: readonly Uint8Array[]): readonly Uint8Array[] {
  if (leaf === undefined) return [];
  const { der } = leaf;
  return [der, ...sent.filter((bytes) => Buffer.compare(bytes, der) !== 0)];
}
