import { generateKeyPairSync, sign } from 'node:crypto';
import {
  akCertificateExtensions,
  certificatesOfFile,
  checkEkCertificate,
  encodeCertificate,
  encodeCertificateList,
  type EncodedExtension,
  encodeName,
  encodeTbsCertificate,
  encodeTbsCertList,
  issuerCertificateExtensions,
  keyIdOf,
  parseAkCertificate,
  parseCertificate,
  parseEkCertificate,
  parseIssuerCertificate,
  parseRevocationList,
} from '@touchstone/endorsement';
import { seedsFrom } from '../seeds.ts';
import type { Target } from '../target.ts';

const NOW = new Date('2026-11-22T12:00:00Z');
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = keys.publicKey.export({ format: 'der', type: 'spki' });

function certificate(extensions: readonly EncodedExtension[]): Uint8Array {
  const tbs = encodeTbsCertificate({
    serial: Uint8Array.of(0x41, 1, 2, 3),
    signatureAlgorithm: 'ecdsa-sha256',
    issuer: encodeName({ organizationName: 'Touchstone', commonName: 'CA' }),
    subject: encodeName({ commonName: 'AK' }),
    notBefore: NOW,
    notAfter: NOW,
    spki,
    extensions,
  });
  return encodeCertificate(tbs, 'ecdsa-sha256', sign('sha256', tbs, keys.privateKey));
}

const AK = certificate(
  akCertificateExtensions({
    class: 'software',
    ekRef: new Uint8Array(32).fill(1),
    akQualifiedName: Uint8Array.of(0, 0x0b, ...new Uint8Array(32).fill(2)),
    spki,
    issuerKeyId: keyIdOf(spki),
  }),
);
const ISSUER = certificate(issuerCertificateExtensions({ spki }));
/** That of certificates which name none, and a named one. */
const LISTS = [{}, { url: `https://ca.test/v1/crls/${keyIdOf(spki)}/1` }].map((place) => {
  const tbs = encodeTbsCertList({
    ...{ signatureAlgorithm: 'ecdsa-sha256', issuer: encodeName({ commonName: 'CA' }), ...place },
    ...{ issuerKeyId: keyIdOf(spki), number: 300n, thisUpdate: NOW },
    nextUpdate: new Date(NOW.getTime() + 86_400_000),
    revoked: [{ serial: Uint8Array.of(0x41, 1, 2, 3), at: NOW, reason: 'superseded' }],
  });
  return encodeCertificateList(tbs, 'ecdsa-sha256', sign('sha256', tbs, keys.privateKey));
});
const PEM = new TextEncoder().encode(
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(AK).toString('base64')}\n-----END CERTIFICATE-----\n`,
);

const FILES = [
  'ekcert/*/*',
  'ekca/*/*.{crt,cer,pem,der}',
  'boots/*/ek-*.crt',
  'webauthn/*/x5c-*.der',
];

/** DER, whatever the file is. */
const certificates = (): readonly Uint8Array[] => [
  AK,
  ISSUER,
  ...seedsFrom(FILES, []).flatMap((file) => {
    try {
      return certificatesOfFile(file).slice(0, 1);
    } catch {
      return [];
    }
  }),
];

const reading = (parse: (bytes: Uint8Array) => unknown): Target['read'] => {
  return (bytes) => {
    parse(bytes);
    return undefined;
  };
};

/** Certificates: RFC 5280, and what TPM makers make of it. */
export const CERTIFICATE_TARGETS: readonly Target[] = [
  { name: 'certificate', seeds: certificates, read: reading(parseCertificate) },
  {
    name: 'ek-certificate',
    seeds: certificates,
    read: reading((bytes) => {
      const { der } = parseEkCertificate(bytes);
      checkEkCertificate(der, NOW);
    }),
  },
  { name: 'ak-certificate', seeds: () => [AK], read: reading(parseAkCertificate) },
  { name: 'revocation-list', seeds: () => LISTS, read: reading(parseRevocationList) },
  { name: 'issuer-certificate', seeds: certificates, read: reading(parseIssuerCertificate) },
  {
    name: 'certificate-file',
    seeds: () => seedsFrom(FILES, [PEM]),
    read: reading(certificatesOfFile),
  },
];
