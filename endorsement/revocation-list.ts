import { type Certificate, readAlgorithm, readExtensionList } from './certificate.ts';
import { CRL_CERTIFICATES_MAX, type CrlPlace, crlPlaceOf, unnamedCrlPlace } from './crl-place.ts';
import { contextConstructed, DER, DerReader } from './der-reader.ts';
import { readIntegerOctets, readOctetsOfBits, readSmallInteger, readTime } from './der-types.ts';
import { type DistinguishedName, readName } from './distinguished-name.ts';
import * as extension from './extensions.ts';
import { malformed } from './malformed.ts';
import { EXTENSION } from './oids.ts';

/** 2,000 entries with a reason each are some 100 KiB. */
const MAX_LIST_BYTES = 262_144;

/** CRLReason: RFC 5280, 5.3.1, by number; those that only a delta list or a list with holds has are not read. */
const REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
] as const;

export type RevocationReason = (typeof REASONS)[number];

export type RevokedEntry = { readonly at: Date; readonly reason: RevocationReason };

/** CertificateList: RFC 5280, 5.1. Read, and nothing about it believed yet: `verifyRevocationList`. */
export type RevocationList = Pick<
  Certificate,
  'der' | 'tbs' | 'signatureAlgorithm' | 'signature'
> & {
  readonly issuer: DistinguishedName;
  readonly place: CrlPlace;
  readonly number: bigint;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** By serial number, hex as `AkCertificate.serial` has it. */
  readonly revoked: ReadonlyMap<string, RevokedEntry>;
};

/** The extensions of our lists and whether each is critical: RFC 5280, 5.2. There is no other. */
const CRITICAL: ReadonlyMap<string, boolean> = new Map<string, boolean>([
  [EXTENSION.authorityKeyIdentifier, false],
  [EXTENSION.cRLNumber, false],
  [EXTENSION.issuingDistributionPoint, true],
]);

/**
 * A whole list in DER, of the form that our CA gives: complete for its place, with a number and a next update, at most
 * 2,000 entries. Throws ParseError: CRL_PROFILE for what our CA would not have signed, delta and indirect lists among
 * it; TOO_LARGE; other codes for bytes that are no list.
 */
export function parseRevocationList(der: Uint8Array): RevocationList {
  if (der.length > MAX_LIST_BYTES) {
    throw malformed('TOO_LARGE', 'CertificateList', 0, `${der.length} bytes`);
  }
  const reader = new DerReader(der);
  const outer = reader.expect(DER.sequence, 'CertificateList');
  reader.end('CertificateList');
  const fields = outer.children();
  const tbs = fields.expect(DER.sequence, 'tbsCertList');
  const algorithm = fields.expect(DER.sequence, 'signatureAlgorithm');
  const signature = readOctetsOfBits(fields, 'signature');
  fields.end('CertificateList');

  const body = tbs.children();
  require(readSmallInteger(body, 'version') === 1, 'version');
  const inner = body.expect(DER.sequence, 'tbsCertList.signature');
  if (Buffer.compare(inner.encoded, algorithm.encoded) !== 0) {
    throw malformed('SIGNATURE_ALGORITHM_MISMATCH', 'signatureAlgorithm', algorithm.offset);
  }
  const issuer = readName(body, 'issuer');
  const thisUpdate = readTime(body, 'thisUpdate');
  require(body.at(DER.utcTime) || body.at(DER.generalizedTime), 'nextUpdate');
  const nextUpdate = readTime(body, 'nextUpdate');
  require(thisUpdate < nextUpdate, 'nextUpdate');
  const revoked = readEntries(body);
  const explicit = body.expect(contextConstructed(0), 'crlExtensions').children();
  const extensions = readExtensionList(explicit.sequence('crlExtensions'));
  explicit.end('crlExtensions');
  body.end('tbsCertList');

  return {
    ...{ der: outer.encoded, tbs: tbs.encoded, signature },
    signatureAlgorithm: readAlgorithm(algorithm.children()),
    ...{ issuer, thisUpdate, nextUpdate, revoked },
    ...readListExtensions({ extensions }),
  };
}

function readListExtensions(list: extension.Extended): Pick<RevocationList, 'place' | 'number'> {
  for (const [oid, { critical }] of list.extensions) require(CRITICAL.get(oid) === critical, oid);
  const { only, keyId } = extension.authorityKeyId(list) ?? {};
  require(only === true && keyId !== undefined, 'authorityKeyIdentifier');
  const number = extension.crlNumber(list);
  require(number !== undefined, 'cRLNumber');
  const url = extension.issuingDistributionPoint(list);
  const place = url === undefined ? unnamedCrlPlace(keyId) : crlPlaceOf(url);
  require(place?.issuerKeyId === keyId, 'issuingDistributionPoint');
  return { place, number };
}

/** revokedCertificates: absent rather than empty where there are none. */
function readEntries(body: DerReader): ReadonlyMap<string, RevokedEntry> {
  const entries = new Map<string, RevokedEntry>();
  const sequence = body.optional(DER.sequence, 'revokedCertificates');
  if (sequence === undefined) return entries;
  const list = sequence.children();
  require(list.remaining > 0, 'revokedCertificates');
  while (list.remaining > 0) {
    const { offset } = list;
    if (entries.size === CRL_CERTIFICATES_MAX) {
      throw malformed('TOO_LARGE', 'revokedCertificates', offset, 'more than 2,000 entries');
    }
    const fields = list.sequence('revokedCertificate');
    const serial = readIntegerOctets(fields, 'userCertificate');
    require((serial[0] ?? 0x80) < 0x80 && serial.length <= 20, 'userCertificate');
    const at = readTime(fields, 'revocationDate');
    const reason = readReason(fields);
    fields.end('revokedCertificate');
    const key = Buffer.from(serial).toString('hex');
    require(!entries.has(key), 'userCertificate');
    entries.set(key, { at, reason });
  }
  return entries;
}

/** crlEntryExtensions: RFC 5280, 5.3: at most a reason. A certificateIssuer would make the list an indirect one. */
function readReason(fields: DerReader): RevocationReason {
  if (fields.remaining === 0) return 'unspecified';
  const extensions = readExtensionList(fields.sequence('crlEntryExtensions'));
  for (const [oid, { critical }] of extensions) {
    require(oid === EXTENSION.reasonCode && !critical, oid);
  }
  const reason = extension.decode({ extensions }, EXTENSION.reasonCode, (reader, field) => {
    const { contents } = reader.expect(DER.enumerated, field);
    return contents.length === 1 ? REASONS[contents[0] ?? REASONS.length] : undefined;
  });
  require(reason !== undefined, 'reasonCode');
  return reason;
}

function require(condition: boolean, field: string): asserts condition {
  if (!condition) throw malformed('CRL_PROFILE', field, 0);
}
