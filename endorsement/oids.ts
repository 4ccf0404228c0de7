/** X.509 extensions: RFC 5280, 4.2.1. */
export const EXTENSION = {
  subjectDirectoryAttributes: '2.5.29.9',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  cRLNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  issuingDistributionPoint: '2.5.29.28',
  nameConstraints: '2.5.29.30',
  cRLDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** TCG EK Credential Profile 2.5, 5.1. */
export const TCG_OID = {
  tpmManufacturer: '2.23.133.2.1',
  tpmModel: '2.23.133.2.2',
  tpmVersion: '2.23.133.2.3',
  /** tcg-kp-EKCertificate */
  ekCertificate: '2.23.133.8.1',
  /** tcg-kp-AIKCertificate */
  aikCertificate: '2.23.133.8.3',
} as const;

export const ANY_EXTENDED_KEY_USAGE = '2.5.29.37.0';

/** 2.25 and the integer of UUID 63d60a0a-3207-49f8-b8b4-16e016ca0fc3 (X.667): ours, for good. */
const ARC = '2.25.132704926742293848481989664145188458435';

/** What our AK certificates carry. Published in certificates: a number is never given a second meaning. */
export const TOUCHSTONE_OID = {
  arc: ARC,
  policy: `${ARC}.1`,
  policyDiscrete: `${ARC}.1.1`,
  policyFirmware: `${ARC}.1.2`,
  policyVirtual: `${ARC}.1.3`,
  policySoftware: `${ARC}.1.4`,
  ekRef: `${ARC}.2`,
  akQualifiedName: `${ARC}.3`,
  tpmDescription: `${ARC}.4`,
  /** Extended key usage: signs trust bundles. */
  bundleSigner: `${ARC}.8`,
} as const;
