export {
  KNOWN_CERTIFICATES,
  type KnownCertificate,
  type KnownCertificates,
} from './known-certificates.ts';
