import { checkEkPublic, parseEkCertificate } from '@touchstone/endorsement';
import { EK_KINDS, type EkKind } from '@touchstone/schemas';
import {
  EK_POLICIES,
  EK_TEMPLATES,
  encodeTpm2bPublic,
  isStrongHash,
  nameOf,
  ParseError,
  parseTpm2bPublic,
  type StrongHash,
  type TpmtPublic,
} from '@touchstone/tpm';
import { type Tpm, TpmError, type TpmObject } from 'node-tpm2-tss-bindings';
import { agentError } from '../codes.ts';
import { givenEk, nameOfPlace, type NvEk, readEkCertificates } from './ek-certificates.ts';
import { ekTemplateOfNv } from './ek-nv-template.ts';

/** EKs among the persistent handles: TCG Registry of Reserved TPM 2.0 Handles, 2.3.1. */
const EK_HANDLES = { first: 0x81010000, last: 0x8101ffff } as const;

export type EndorsementKey = {
  readonly object: TpmObject;
  readonly kind: EkKind;
  /** TPM2B_PUBLIC, and its Name in hex. */
  readonly public: Uint8Array;
  readonly name: string;
  readonly nameAlg: StrongHash;
  /** What its policy is a PolicyOR of; null where PolicySecret alone meets it. */
  readonly policyOr: readonly Uint8Array[] | null;
  /** null where the maker of the TPM gave it none: then an operator of the CA pins the EK. */
  readonly certificate: Uint8Array | null;
};

/** Which of a TPM's EKs: that kind and no other, those of an algorithm alone, or that kind if there is one. */
export type EkWish = {
  readonly only?: EkKind;
  readonly algorithm?: 'ecc' | 'rsa';
  readonly preferred?: EkKind;
};

/** What is known besides of the TPM that is opened. */
export type EkPlaces = {
  /** A chip's makers certify ECC keys too: these go first. A software TPM's RSA-2048 is what there always was. */
  readonly chip?: boolean;
  /** DER: certificates that somebody gave. */
  readonly given?: readonly Uint8Array[];
};

/**
 * The EK whose public area equals its certificate's key, and a template of the profile in all else: the
 * persistent one, else the one that the maker's own template makes, else that of the low and then of the high
 * range. Of a TPM that has no certificate anywhere: that of the profile's own template.
 * @throws AppError EK_CERTIFICATE_MISSING
 */
export async function openEndorsementKey(
  tpm: Tpm,
  wish: EkWish = {},
  { chip = false, given = [] }: EkPlaces = {},
): Promise<EndorsementKey> {
  const inNv = await readEkCertificates(tpm);
  const { unusable } = inNv;
  const found = [...inNv.found, ...given.flatMap((der) => givenEk(parseEkCertificate(der)) ?? [])];
  if (found.length === 0 && unusable.length === 0) return uncertifiedKey(tpm, wish);
  const why = [...unusable];
  for (const place of inOrder(found, wish, chip ? CHIP_ORDER : EK_KINDS)) {
    const key = await keyOf(tpm, place, why);
    if (key !== null) return key;
    why.push(`${nameOfPlace(place)}: for no ${place.kind} key that this TPM has`);
  }
  const asked = wish.only ?? wish.algorithm;
  if (asked !== undefined) why.unshift(`no EK certificate is of ${asked}`);
  else if (found.length === 0) why.unshift('no NV index holds an EK certificate');
  throw agentError('EK_CERTIFICATE_MISSING', { detail: why.join('; ').slice(0, 1_024) });
}

/**
 * Always of the same template, so that it has the same Name each time. RSA-2048 is what every TPM has.
 * @throws AppError EK_CERTIFICATE_MISSING
 */
async function uncertifiedKey(
  tpm: Tpm,
  { only, algorithm, preferred = algorithm === 'ecc' ? 'ecc-p256' : 'rsa-2048' }: EkWish,
): Promise<EndorsementKey> {
  const kind = only ?? preferred;
  for (const template of EK_TEMPLATES.filter((one) => kindOf(one) === kind)) {
    const object = await made(tpm, template);
    if (object === null) continue;
    const { public: publicArea } = await tpm.readPublic(object);
    return keyWith(parseTpm2bPublic(publicArea), { object, kind, publicArea, certificate: null });
  }
  const detail = `the TPM has no EK certificate, and makes no EK of ${kind}`;
  throw agentError('EK_CERTIFICATE_MISSING', { detail });
}

/** ECC where certified, else RSA. */
const CHIP_ORDER: readonly EkKind[] = [
  ...EK_KINDS.filter((kind) => kind.startsWith('ecc')),
  ...EK_KINDS.filter((kind) => kind.startsWith('rsa')),
];

function inOrder(
  found: readonly NvEk[],
  { only, algorithm, preferred }: EkWish,
  kinds: readonly EkKind[],
): readonly NvEk[] {
  const rank = ({ kind }: NvEk) => (kind === preferred ? -1 : kinds.indexOf(kind));
  return found
    .filter(({ kind }) => only === undefined || kind === only)
    .filter(({ kind }) => algorithm === undefined || kind.startsWith(algorithm))
    .toSorted((one, other) => rank(one) - rank(other));
}

/** Null where no key of this TPM is that of the certificate; what comes near it goes into `why`. */
async function keyOf(tpm: Tpm, place: NvEk, why: string[]): Promise<EndorsementKey | null> {
  for await (const object of candidates(tpm, place, why)) {
    const key = await matching(tpm, place, object, why);
    if (key !== null) return key;
    await tpm.flush(object);
  }
  return null;
}

/** One at a time: three objects are all that a TPM need have room for. */
async function* candidates(tpm: Tpm, place: NvEk, why: string[]): AsyncGenerator<TpmObject> {
  for (const handle of await tpm.handles('persistent')) {
    const isEk = handle >= EK_HANDLES.first && handle <= EK_HANDLES.last;
    if (isEk) yield await tpm.openPersistent(handle);
  }
  const own = await ekTemplateOfNv(tpm, place, why);
  const standard = EK_TEMPLATES.filter((template) => kindOf(template) === place.kind);
  for (const template of own === null ? standard : [own, ...standard]) {
    const object = await made(tpm, template);
    if (object !== null) yield object;
  }
}

/** A template of the high range may be more than the TPM can. */
async function made(tpm: Tpm, template: TpmtPublic): Promise<TpmObject | null> {
  try {
    const inPublic = encodeTpm2bPublic(template);
    return await tpm.createPrimary({ hierarchy: 'endorsement', inPublic });
  } catch (error) {
    if (error instanceof TpmError && UNSUPPORTED.has(error.rcName)) return null;
    throw error;
  }
}

const UNSUPPORTED: ReadonlySet<string> = new Set([
  'TPM_RC_ASYMMETRIC',
  'TPM_RC_ATTRIBUTES',
  'TPM_RC_CURVE',
  'TPM_RC_HASH',
  'TPM_RC_KEY_SIZE',
  'TPM_RC_SIZE',
  'TPM_RC_SYMMETRIC',
  'TPM_RC_TYPE',
  'TPM_RC_VALUE',
]);

async function matching(
  tpm: Tpm,
  place: NvEk,
  object: TpmObject,
  why: string[],
): Promise<EndorsementKey | null> {
  const { certificate, kind } = place;
  const { public: publicArea } = await tpm.readPublic(object);
  const parsed = parsedOrNull(publicArea);
  if (parsed === null) return null;
  const problems = checkEkPublic(parsed, certificate);
  if (problems.some(({ code }) => code === 'EK_CERT_MISMATCH')) return null;
  if (problems.length > 0 || !isStrongHash(parsed.nameAlg)) {
    why.push(
      `${nameOfPlace(place)}: its key differs from every template of the profile (${problems[0]?.subject})`,
    );
    return null;
  }
  return keyWith(parsed, { object, kind, publicArea, certificate: certificate.der });
}

/** @throws RangeError for a nameAlg that no template has */
function keyWith(
  parsed: TpmtPublic,
  {
    publicArea,
    ...rest
  }: Pick<EndorsementKey, 'object' | 'kind' | 'certificate'> & { readonly publicArea: Uint8Array },
): EndorsementKey {
  const { nameAlg, authPolicy } = parsed;
  if (!isStrongHash(nameAlg)) throw new RangeError(`nameAlg ${nameAlg}`);
  const { a, b, c } = EK_POLICIES[nameAlg];
  return {
    ...{ ...rest, public: publicArea, nameAlg },
    name: Buffer.from(nameOf(parsed)).toString('hex'),
    policyOr: Buffer.compare(authPolicy, b) === 0 ? [a, c] : null,
  };
}

/** Somebody may keep a key of a kind that we do not know at such a handle. */
function parsedOrNull(publicArea: Uint8Array): TpmtPublic | null {
  try {
    return parseTpm2bPublic(publicArea);
  } catch (error) {
    if (error instanceof ParseError) return null;
    throw error;
  }
}

const kindOf = ({ type, parameters }: TpmtPublic): string =>
  'curve' in parameters
    ? `${type}-${parameters.curve.slice('nist_'.length)}`
    : `${type}-${parameters.keyBits}`;
