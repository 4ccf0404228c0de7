import {
  certificatesOfNvChain,
  type EkCertificate,
  parseEkCertificate,
} from '@touchstone/endorsement';
import type { EkKind } from '@touchstone/schemas';
import { ParseError } from '@touchstone/tpm';
import { type Tpm, TpmError } from 'node-tpm2-tss-bindings';

/**
 * Where a TPM keeps its EK certificates, and where its maker may have left another template than the
 * profile's and a nonce for it: TCG EK Credential Profile 2.5, 2.2.1.4 and 2.2.1.5.
 */
const NV_PLACES = [
  { certificate: 0x01c00002, nonce: 0x01c00003, template: 0x01c00004 },
  { certificate: 0x01c0000a, nonce: 0x01c0000b, template: 0x01c0000c },
  { certificate: 0x01c00012, nonce: null, template: 0x01c00013 },
  { certificate: 0x01c00014, nonce: null, template: 0x01c00015 },
  { certificate: 0x01c00016, nonce: null, template: 0x01c00017 },
  { certificate: 0x01c00018, nonce: null, template: 0x01c00019 },
  { certificate: 0x01c0001c, nonce: null, template: 0x01c0001d },
  { certificate: 0x01c0001e, nonce: null, template: 0x01c0001f },
] as const;
const CHAIN_FIRST = 0x01c00100;
const CHAIN_LAST = 0x01c001ff;
/** What the CA takes along with the EK's own certificate: schemas, EnrollmentRequest. */
export const MAX_CHAIN = 7;
const MAX_CERTIFICATE_BYTES = 6_144;

export type NvEk = {
  readonly certificate: EkCertificate;
  readonly kind: EkKind;
  /** null for one that somebody gave. */
  readonly index: number | null;
  readonly nonceIndex: number | null;
  readonly templateIndex: number;
};

/** Every EK certificate that can be read, in the order of the indices; `unusable` says why others cannot. */
export async function readEkCertificates(
  tpm: Tpm,
): Promise<{ readonly found: readonly NvEk[]; readonly unusable: readonly string[] }> {
  const defined = new Set(await tpm.handles('nv-index'));
  const found: NvEk[] = [];
  const unusable: string[] = [];
  for (const { certificate: index, nonce, template } of NV_PLACES) {
    if (!defined.has(index)) continue;
    try {
      const certificate = parseEkCertificate(await tpm.nvRead(index));
      const kind = kindOf(certificate);
      if (kind === undefined) unusable.push(`${hex(index)}: ${certificate.keyKind} key`);
      else {
        const nonceIndex = nonce !== null && defined.has(nonce) ? nonce : null;
        found.push({ certificate, kind, index, nonceIndex, templateIndex: template });
      }
    } catch (error) {
      unusable.push(`${hex(index)}: ${refusalOf(error)}`);
    }
  }
  return { found, unusable };
}

/** One that somebody gave: its key may be made of the template of its kind, the maker's own too. */
export function givenEk(certificate: EkCertificate): NvEk | undefined {
  const kind = kindOf(certificate);
  const at = PLACE_OF[kind ?? 'rsa-2048'];
  const place = NV_PLACES.find((one) => one.certificate === at);
  if (kind === undefined || place === undefined) return undefined;
  return { certificate, kind, index: null, nonceIndex: null, templateIndex: place.template };
}

/** Where a certificate of that kind would be, had the TPM one: TCG EK Credential Profile 2.5, 2.2.1.4 and 2.2.1.5. */
const PLACE_OF: Readonly<Record<EkKind, number>> = {
  'rsa-2048': 0x01c00002,
  'ecc-p256': 0x01c0000a,
  'ecc-p384': 0x01c00016,
  'ecc-p521': 0x01c00018,
  'rsa-3072': 0x01c0001c,
  'rsa-4096': 0x01c0001e,
};

/** The issuers' certificates, DER, as far as they can be read: who lacks one is told so by the CA. */
export async function readEkChain(tpm: Tpm): Promise<Uint8Array[]> {
  const indices = (await tpm.handles('nv-index')).filter(
    (index) => index >= CHAIN_FIRST && index <= CHAIN_LAST,
  );
  const contents: Uint8Array[] = [];
  for (const index of indices.toSorted((one, other) => one - other)) {
    try {
      contents.push(await tpm.nvRead(index));
    } catch (error) {
      refusalOf(error);
    }
  }
  return certificatesOfNvChain(Buffer.concat(contents))
    .filter(({ length }) => length <= MAX_CERTIFICATE_BYTES)
    .slice(0, MAX_CHAIN);
}

/** What an NV index is no use for. A TPM that does not answer is another matter: that is thrown again. */
export function refusalOf(error: unknown): string {
  const refused =
    error instanceof ParseError ||
    (error instanceof TpmError && (error.code === 'TPM_RC' || error.code === 'TPM_MISUSE'));
  if (!refused) throw error;
  return error.message;
}

/** How a place is told of. */
export const nameOfPlace = ({ index }: Pick<NvEk, 'index'>): string =>
  index === null ? 'the certificate given' : hex(index);

export const hex = (index: number): string => `0x${index.toString(16).padStart(8, '0')}`;

const CURVES: Readonly<Record<string, EkKind>> = {
  prime256v1: 'ecc-p256',
  secp384r1: 'ecc-p384',
  secp521r1: 'ecc-p521',
};
const MODULI: Readonly<Record<number, EkKind>> = {
  2048: 'rsa-2048',
  3072: 'rsa-3072',
  4096: 'rsa-4096',
};

function kindOf({ publicKey }: EkCertificate): EkKind | undefined {
  const { namedCurve, modulusLength } = publicKey.asymmetricKeyDetails ?? {};
  return CURVES[namedCurve ?? ''] ?? MODULI[modulusLength ?? 0];
}
