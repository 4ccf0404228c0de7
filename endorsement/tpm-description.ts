import type { Certificate } from './certificate.ts';
import { contextPrimitive, DER } from './der-reader.ts';
import { derOf, encodeText } from './der-writer.ts';
import { decode } from './extensions.ts';
import { malformed } from './malformed.ts';
import { TOUCHSTONE_OID } from './oids.ts';

/**
 * What the CA found out of a TPM, beyond its class, when it last looked at it: with each certificate anew. None of it
 * is the host's word.
 */
export type TpmDescription = {
  /** As `manufacturerOf` has it. Absent where nobody vouches for a maker. */
  readonly maker?: string;
  /** No root vouches for its EK: the class is what an operator stated who pinned it. */
  readonly pinned?: true;
  /** By name; a verifier that does not know one is to take it for the worst. */
  readonly weaknesses: readonly string[];
};

/** The EK's modulus is one that Infineon's library made: CVE-2017-15361. */
export const WEAK_EK_ROCA = 'ek-roca';

const MAKER = /^[\x21-\x7e]{1,16}$/u;
const WEAKNESS = /^[a-z][a-z0-9-]{0,31}$/u;
const MAX_WEAKNESSES = 16;

/** Whether that can stand in a certificate as a TPM's maker. */
export const isMakerName = (text: string): boolean => MAKER.test(text);

const TRUE = Uint8Array.of(0xff);

/**
 * TpmDescription ::= SEQUENCE { maker [0] IMPLICIT IA5String OPTIONAL, pinned [1] IMPLICIT BOOLEAN DEFAULT FALSE,
 * weaknesses SEQUENCE OF IA5String }, an extension under our arc. Throws RangeError for words that cannot stand there.
 */
export function encodeTpmDescription({ maker, pinned, weaknesses }: TpmDescription): Uint8Array {
  const fits =
    (maker === undefined || MAKER.test(maker)) &&
    weaknesses.length <= MAX_WEAKNESSES &&
    weaknesses.every((name) => WEAKNESS.test(name));
  if (!fits) throw new RangeError('tpm description');
  return derOf(
    DER.sequence,
    ...(maker === undefined ? [] : [encodeText(contextPrimitive(0), maker)]),
    ...(pinned === undefined ? [] : [derOf(contextPrimitive(1), TRUE)]),
    derOf(DER.sequence, ...weaknesses.map((name) => encodeText(DER.ia5String, name))),
  );
}

/** undefined for a certificate of before there was one. Throws ParseError AK_CERT_PROFILE. */
export function tpmDescriptionOf(certificate: Certificate): TpmDescription | undefined {
  return decode(certificate, TOUCHSTONE_OID.tpmDescription, (reader, field) => {
    const fields = reader.sequence(field);
    const maker = fields.optional(contextPrimitive(0), 'tpmDescription.maker');
    const pinned = fields.optional(contextPrimitive(1), 'tpmDescription.pinned');
    // FALSE is the default, and is not written: X.690, 11.5.
    const isTrue = pinned === undefined || Buffer.compare(pinned.contents, TRUE) === 0;
    if (!isTrue) throw profile('tpmDescription.pinned');
    const list = fields.sequence('tpmDescription.weaknesses');
    fields.end(field);
    const weaknesses: string[] = [];
    while (list.remaining > 0) {
      const { contents } = list.expect(DER.ia5String, 'tpmDescription.weakness');
      weaknesses.push(wordOf(contents, WEAKNESS, 'tpmDescription.weakness'));
      if (weaknesses.length > MAX_WEAKNESSES) throw profile('tpmDescription.weaknesses');
    }
    return {
      ...(maker && { maker: wordOf(maker.contents, MAKER, 'tpmDescription.maker') }),
      ...(pinned && { pinned: true as const }),
      weaknesses,
    };
  });
}

function wordOf(contents: Uint8Array, form: RegExp, field: string): string {
  const word = Buffer.from(contents).toString('latin1');
  if (!form.test(word)) throw profile(field);
  return word;
}

const profile = (field: string) => malformed('AK_CERT_PROFILE', field, 0);
