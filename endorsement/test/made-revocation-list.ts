import { sign } from 'node:crypto';
import { encodeName, type EncodedExtension } from '@touchstone/endorsement';
import { contextConstructed, contextPrimitive, DER } from '../der-reader.ts';
import {
  derOf,
  encodeBits,
  encodeOid,
  encodeText,
  encodeTime,
  encodeUnsigned,
  TRUE,
} from '../der-writer.ts';
import { DAY_MS, type Made, NOW } from './made-certificate.ts';

const ALGORITHM = derOf(DER.sequence, encodeOid('1.2.840.10045.4.3.2'));

export type MadeEntry = {
  readonly serial: Uint8Array;
  readonly at?: Date;
  /** Number of a CRLReason. */
  readonly reason?: number;
  readonly extensions?: readonly EncodedExtension[];
};

export type MadeListOptions = {
  readonly url?: string | undefined;
  readonly number?: number | undefined;
  readonly thisUpdate?: Date;
  readonly nextUpdate?: Date | undefined;
  readonly entries?: readonly MadeEntry[];
  /** Beside, or in the place of, those of the profile; by OID. */
  readonly extensions?: readonly EncodedExtension[];
  readonly without?: readonly string[];
  readonly name?: string;
  /** Who signs, if not the issuer. */
  readonly signer?: Made;
  readonly version?: number;
};

/** An issuingDistributionPoint or a distribution point's name: a fullName of URLs. */
export const pointName = (...urls: readonly string[]): Uint8Array =>
  derOf(
    contextConstructed(0),
    derOf(contextConstructed(0), ...urls.map((url) => encodeText(contextPrimitive(6), url))),
  );

export const distributionPoints = (url: string): EncodedExtension => ({
  oid: '2.5.29.31',
  critical: false,
  value: derOf(DER.sequence, derOf(DER.sequence, pointName(url))),
});

/** A revocation list with whatever a test wants to be wrong about it. */
export function makeRevocationList(
  issuer: Made & { readonly keyId: string },
  options: MadeListOptions = {},
): Uint8Array {
  const { entries = [], number = 1 } = options;
  const thisUpdate = options.thisUpdate ?? new Date(NOW.getTime() - 3_600_000);
  const nextUpdate =
    'nextUpdate' in options ? options.nextUpdate : new Date(NOW.getTime() + DAY_MS);
  const revoked = entries.map(encodeEntry);
  const tbs = derOf(
    DER.sequence,
    derOf(DER.integer, Uint8Array.of(options.version ?? 1)),
    ALGORITHM,
    encodeName({ commonName: options.name ?? issuer.name }),
    encodeTime(thisUpdate),
    ...(nextUpdate === undefined ? [] : [encodeTime(nextUpdate)]),
    ...(revoked.length === 0 ? [] : [derOf(DER.sequence, ...revoked)]),
    derOf(
      contextConstructed(0),
      derOf(DER.sequence, ...extensionsOf(issuer.keyId, { ...options, number }).map(encode)),
    ),
  );
  const signature = sign('sha256', tbs, (options.signer ?? issuer).key);
  return derOf(DER.sequence, tbs, ALGORITHM, encodeBits(signature));
}

function extensionsOf(
  keyId: string,
  { url, number = 1, extensions = [], without = [] }: MadeListOptions,
): EncodedExtension[] {
  const aki = derOf(DER.sequence, derOf(contextPrimitive(0), Buffer.from(keyId, 'hex')));
  const octets = Uint8Array.of((number >> 16) & 0xff, (number >> 8) & 0xff, number & 0xff);
  const profile: EncodedExtension[] = [
    { oid: '2.5.29.35', critical: false, value: aki },
    { oid: '2.5.29.20', critical: false, value: encodeUnsigned(octets) },
  ];
  if (url !== undefined) {
    const value = derOf(DER.sequence, pointName(url));
    profile.push({ oid: '2.5.29.28', critical: true, value });
  }
  const replaced = extensions.map(({ oid }) => oid);
  const kept = profile.filter(({ oid }) => !without.includes(oid) && !replaced.includes(oid));
  return [...kept, ...extensions];
}

function encodeEntry({ serial, at = NOW, reason, extensions = [] }: MadeEntry): Uint8Array {
  const all = [...extensions];
  if (reason !== undefined) {
    all.push({
      oid: '2.5.29.21',
      critical: false,
      value: derOf(DER.enumerated, Uint8Array.of(reason)),
    });
  }
  const more = all.length === 0 ? [] : [derOf(DER.sequence, ...all.map(encode))];
  return derOf(DER.sequence, encodeUnsigned(serial), encodeTime(at), ...more);
}

const encode = ({ oid, critical, value }: EncodedExtension): Uint8Array =>
  derOf(DER.sequence, encodeOid(oid), ...(critical ? [TRUE] : []), derOf(DER.octetString, value));
