import {
  AK_TEMPLATE_ECC_P256,
  AK_TEMPLATE_RSA2048,
  EK_TEMPLATE_ECC_P384,
  EK_TEMPLATE_RSA2048,
  encodeTpm2bPublic,
  encodeTpmlPcrSelection,
  encodeTpmtPublic,
  encodeTpmtSignature,
  nameOf,
  parseTpm2bPublic,
  parseTpmsAttest,
  parseTpmsCertify,
  parseTpmtPublic,
  parseTpmtSignature,
  Reader,
  readTpmlPcrSelection,
} from '@touchstone/tpm';
import { seedsFrom } from '../seeds.ts';
import type { Target } from '../target.ts';
import { CERTIFY, QUOTE, SIGNATURE } from './made-quote.ts';

const TEMPLATES = [
  AK_TEMPLATE_ECC_P256,
  AK_TEMPLATE_RSA2048,
  EK_TEMPLATE_ECC_P384,
  EK_TEMPLATE_RSA2048,
];

/** Structures of the TPM: TCG Part 2. */
export const TPM_TARGETS: readonly Target[] = [
  {
    name: 'tpms-attest',
    seeds: () => seedsFrom(['quotes/*/*.msg', 'boots/*/*.msg', 'workload/quote.msg'], [QUOTE]),
    read: (bytes) => {
      parseTpmsAttest(bytes);
      return undefined;
    },
  },
  {
    name: 'tpms-certify',
    seeds: () => seedsFrom(['webauthn/*/certInfo.bin'], [CERTIFY]),
    read: (bytes) => {
      parseTpmsCertify(bytes);
      return undefined;
    },
  },
  {
    name: 'tpmt-signature',
    seeds: () => seedsFrom(['quotes/*/sig.bin', 'boots/*/*.sig'], [SIGNATURE]),
    read: (bytes) => encodeTpmtSignature(parseTpmtSignature(bytes)),
  },
  {
    name: 'tpm2b-public',
    seeds: () =>
      seedsFrom(['boots/*/*.tpm2b', 'cred/hirs/*.pub'], TEMPLATES.map(encodeTpm2bPublic)),
    read: (bytes) => {
      const area = parseTpm2bPublic(bytes);
      nameOf(area);
      return encodeTpm2bPublic(area);
    },
  },
  {
    name: 'tpmt-public',
    seeds: () => seedsFrom(['webauthn/*/pubArea.bin'], TEMPLATES.map(encodeTpmtPublic)),
    read: (bytes) => encodeTpmtPublic(parseTpmtPublic(bytes)),
  },
  {
    name: 'tpml-pcr-selection',
    seeds: () => [
      encodeTpmlPcrSelection([
        { bank: 'sha256', pcrs: [0, 1, 2, 3, 4, 5, 6, 7, 14] },
        { bank: 'sha384', pcrs: [0, 23] },
      ]),
    ],
    read: (bytes) => {
      const reader = new Reader(bytes);
      readTpmlPcrSelection(reader);
      reader.end('pcrSelect');
      return undefined;
    },
  },
];
