import { createHash } from 'node:crypto';
import {
  isIssuedBy,
  type IssuerCertificate,
  parseIssuerCertificate,
} from '@touchstone/endorsement';
import type { TpmRootImportOutcome } from '@touchstone/schemas';
import { ParseError } from '@touchstone/tpm';
import type { NewRoot, RootProvenance } from '../store/index.ts';
import type { KnownCertificate, KnownCertificates } from '../tpm-makers/index.ts';
import { lineOfText } from '../line-of-text.ts';

/** What is to become of one certificate; `root` where it is to be taken. */
export type Judged = {
  readonly outcome: Omit<TpmRootImportOutcome, 'name'>;
  readonly root?: NewRoot;
};

/** What may have signed others. */
export type HeldLink = {
  readonly der: Uint8Array;
  readonly subject: string;
  readonly maker: string;
};

export type Judging = {
  readonly known: KnownCertificates;
  /** By fingerprint, in hex: those of the database and of the configuration, roots and intermediates. */
  readonly held: ReadonlyMap<string, HeldLink>;
  readonly by: string;
};

/**
 * What an import does with a certificate (DER), by the list and by what is held already. It is taken where
 *
 * - the list has its fingerprint, and one class for it; or
 * - it is an intermediate that a certificate which is held has signed. Nothing is trusted for being an intermediate, and
 *   any host may send the same one along: taking it saves hosts from having to.
 *
 * Everything else is for a person, who adds it with its provenance.
 */
export function judgeCertificate(der: Uint8Array, judging: Judging): Judged {
  const read = readOrRefusal(der);
  if ('refusal' in read) return told('malformed', { detail: read.refusal });
  const { certificate } = read;
  const fingerprint = createHash('sha256').update(certificate.der).digest('hex');
  const known = judging.known.bySha256.get(fingerprint);
  const kind = known?.kind ?? (certificate.selfSigned ? 'root' : 'intermediate');
  const subject = lineOfText(certificate.subject, 512);
  const about = { fingerprint, kind, subject, maker: known?.maker ?? null };
  if (judging.held.has(fingerprint)) return told('already', about);
  if (known !== undefined) return onList(certificate, known, { about, judging });
  if (kind === 'root') return told('not-on-list', about);
  const name = lineOfText(certificate.issuer, 512);
  const issuer = [...judging.held.values()].find(
    (one) => one.subject === name && isIssuedBy(certificate.der, one.der),
  );
  if (issuer === undefined) return told('no-root', { ...about, detail: issuerLine(certificate) });
  return taken(certificate, about, {
    ...{ by: judging.by, maker: issuer.maker },
    provenance: {
      ...{ listVersion: null, source: `signed by ${issuer.subject}`.slice(0, 512), url: null },
      ...{ licence: MAKERS_TERMS, date: null },
    },
  });
}

const MAKERS_TERMS = "its maker's own terms";

type About = Pick<Judged['outcome'], 'fingerprint' | 'kind' | 'subject' | 'maker'>;

function onList(
  certificate: IssuerCertificate,
  known: KnownCertificate,
  { about, judging }: { readonly about: About; readonly judging: Judging },
): Judged {
  const provenance: RootProvenance = {
    ...{ listVersion: judging.known.version, source: known.source, url: known.url },
    ...{ licence: MAKERS_TERMS, date: judging.known.date },
  };
  const more = { by: judging.by, maker: known.maker, provenance };
  if (known.kind === 'intermediate') return taken(certificate, about, more);
  const { class: assuranceClass, ekAlgorithm, note } = known;
  if (assuranceClass === null) return told('class-needed', { ...about, detail: note ?? null });
  return taken(certificate, about, { ...more, as: { class: assuranceClass, ekAlgorithm } });
}

function taken(
  certificate: IssuerCertificate,
  about: About,
  more: Pick<NewRoot, 'maker' | 'provenance'> & {
    readonly by: string;
    readonly as?: Pick<Extract<NewRoot, { kind: 'root' }>, 'class' | 'ekAlgorithm'>;
  },
): Judged {
  const { by, as, maker, provenance } = more;
  const root: NewRoot = newRootOf(certificate, { maker, provenance, addedBy: by, as });
  const outcome = { ...about, maker, outcome: 'taken' as const, class: root.class, detail: null };
  return { root, outcome };
}

/** As it is kept; a root where `as` says of which class. */
export function newRootOf(
  certificate: IssuerCertificate,
  more: Pick<NewRoot, 'maker' | 'provenance' | 'addedBy'> & {
    readonly as?: Pick<Extract<NewRoot, { kind: 'root' }>, 'class' | 'ekAlgorithm'> | undefined;
  },
): NewRoot {
  const { as, ...rest } = more;
  const { der, notBefore, notAfter } = certificate;
  const fingerprint = createHash('sha256').update(der).digest();
  const subject = lineOfText(certificate.subject, 512);
  const of = { ...rest, fingerprint, certificate: der, subject, notBefore, notAfter };
  return as === undefined
    ? { ...of, kind: 'intermediate', class: null, ekAlgorithm: null }
    : { ...of, ...as, kind: 'root' };
}

function told(outcome: Judged['outcome']['outcome'], about: Partial<Judged['outcome']>): Judged {
  const nothing = {
    ...{ kind: null, fingerprint: null, subject: null, maker: null, class: null, detail: null },
  };
  return { outcome: { ...nothing, ...about, outcome } };
}

function readOrRefusal(
  der: Uint8Array,
): { readonly certificate: IssuerCertificate } | { readonly refusal: string } {
  try {
    return { certificate: parseIssuerCertificate(der) };
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return { refusal: error.message.slice(0, 512) };
  }
}

const issuerLine = ({ issuer }: IssuerCertificate) => lineOfText(`issued by ${issuer}`, 512);
