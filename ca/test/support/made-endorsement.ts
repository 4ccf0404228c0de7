import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  encodeCertificate,
  encodeName,
  encodeTbsCertificate,
  type EncodedExtension,
  issuerCertificateExtensions,
  keyIdOf,
} from '@touchstone/endorsement';
import {
  AK_TEMPLATE_ECC_P256,
  EK_TEMPLATE_RSA2048,
  type TpmtPublicEcc,
  type TpmtPublicRsa,
} from '@touchstone/tpm';

/** What a TPM's maker makes, without the TPM. */
export type MadeEndorsement = {
  readonly ekPublic: TpmtPublicRsa;
  readonly certificate: Uint8Array;
  readonly rootDer: Uint8Array;
  /** Between the two, if it was asked for. */
  readonly intermediateDer?: Uint8Array;
};

const BASIC_CONSTRAINTS = '2.5.29.19';
/** CA:TRUE and no more. */
const anyPathLen = (extension: EncodedExtension): EncodedExtension =>
  extension.oid === BASIC_CONSTRAINTS
    ? { ...extension, value: Uint8Array.of(0x30, 3, 1, 1, 0xff) }
    : extension;

type Key = { readonly privateKey: KeyObject; readonly spki: Uint8Array };

const DAY_MS = 86_400_000;

export function makeEndorsement(
  now: Date,
  options: {
    readonly notAfter?: Date;
    readonly extensions?: readonly EncodedExtension[];
    readonly intermediate?: boolean;
    /** CN of the root. */
    readonly maker?: string;
  } = {},
): MadeEndorsement {
  const maker = newKey('ec');
  const name = encodeName({ commonName: options.maker ?? 'A maker of TPMs' });
  const ek = newKey('rsa');
  const rootDer = certificateOf(maker, {
    ...{ subject: name, issuer: name, spki: maker.spki, now },
    extensions: issuerCertificateExtensions({ spki: maker.spki }).map(anyPathLen),
  });
  const between = options.intermediate === true ? newKey('ec') : undefined;
  const betweenName = encodeName({ commonName: 'A factory' });
  const intermediateDer =
    between &&
    certificateOf(maker, {
      ...{ subject: betweenName, issuer: name, spki: between.spki, now },
      extensions: issuerCertificateExtensions({
        ...{ spki: between.spki, issuerKeyId: keyIdOf(maker.spki) },
      }),
    });
  const certificate = certificateOf(between ?? maker, {
    ...{ subject: encodeName({ commonName: 'An EK' }), spki: ek.spki, now },
    issuer: between === undefined ? name : betweenName,
    extensions: options.extensions ?? [],
    ...(options.notAfter && { notAfter: options.notAfter }),
  });
  const { n = '' } = ek.privateKey.export({ format: 'jwk' }) as { n?: string };
  const ekPublic = { ...EK_TEMPLATE_RSA2048, unique: Buffer.from(n, 'base64url') };
  return { ekPublic, certificate, rootDer, ...(intermediateDer && { intermediateDer }) };
}

/** An AK's public area over a key that no TPM has. */
export function makeAkPublic(): TpmtPublicEcc {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' }) as { x?: string; y?: string };
  return {
    ...AK_TEMPLATE_ECC_P256,
    unique: { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') },
  };
}

function newKey(type: 'ec' | 'rsa'): Key {
  const { privateKey, publicKey } =
    type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2_048 });
  return { privateKey, spki: publicKey.export({ type: 'spki', format: 'der' }) };
}

function certificateOf(
  by: Key,
  fields: {
    readonly subject: Uint8Array;
    readonly issuer: Uint8Array;
    readonly spki: Uint8Array;
    readonly now: Date;
    readonly notAfter?: Date;
    readonly extensions: readonly EncodedExtension[];
  },
): Uint8Array {
  const { now, notAfter = new Date(now.getTime() + DAY_MS), ...rest } = fields;
  const tbs = encodeTbsCertificate({
    ...rest,
    notAfter,
    serial: Uint8Array.of(1),
    signatureAlgorithm: 'ecdsa-sha256',
    notBefore: new Date(now.getTime() - DAY_MS),
  });
  const signature = sign('sha256', tbs, { key: by.privateKey, dsaEncoding: 'der' });
  return encodeCertificate(tbs, 'ecdsa-sha256', signature);
}
