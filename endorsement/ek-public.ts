import { isDeepStrictEqual } from 'node:util';
import { EK_TEMPLATE_RSA2048, ParseError, publicKeyOf, type TpmtPublic } from '@touchstone/tpm';
import type { EkCertificate } from './ek-certificate.ts';
import { attributeNames } from './object-attributes.ts';
import type { Problem } from './problem.ts';

const TEMPLATE = EK_TEMPLATE_RSA2048;

/**
 * Whether a public area is the EK that the certificate is for. No problem means that
 *
 * - its key is the certificate's;
 * - all else is template L-1 to the bit. A host that could vary it would have many EK Names, hence many
 *   identities, for one TPM.
 */
export function checkEkPublic(ekPublic: TpmtPublic, certificate: EkCertificate): Problem[] {
  return [
    ...algorithmProblems(ekPublic),
    ...attributeProblems(ekPublic),
    ...keyProblems(ekPublic, certificate),
  ];
}

function algorithmProblems(ek: TpmtPublic): Problem[] {
  if (ek.type !== 'rsa') {
    return [{ code: 'EK_ALGORITHM', subject: 'type', expected: 'rsa', actual: ek.type }];
  }
  const problems: Problem[] = [];
  const differ = (subject: string, expected: unknown, actual: unknown) => {
    if (isDeepStrictEqual(expected, actual)) return;
    const [wanted, got] = [JSON.stringify(expected), JSON.stringify(actual)];
    problems.push({ code: 'EK_ALGORITHM', subject, expected: wanted, actual: got });
  };
  const { keyBits } = ek.parameters;
  if (keyBits < TEMPLATE.parameters.keyBits) {
    problems.push({ code: 'EK_WEAK', subject: 'keyBits', expected: '2048', actual: `${keyBits}` });
  } else {
    differ('keyBits', TEMPLATE.parameters.keyBits, keyBits);
  }
  differ('nameAlg', TEMPLATE.nameAlg, ek.nameAlg);
  differ('symmetric', TEMPLATE.parameters.symmetric, ek.parameters.symmetric);
  differ('scheme', TEMPLATE.parameters.scheme, ek.parameters.scheme);
  differ('exponent', TEMPLATE.parameters.exponent, ek.parameters.exponent);
  return problems;
}

function attributeProblems(ek: TpmtPublic): Problem[] {
  const problems: Problem[] = [];
  if (ek.objectAttributes !== TEMPLATE.objectAttributes) {
    problems.push({
      code: 'EK_ATTRIBUTES',
      subject: 'objectAttributes',
      expected: attributeNames(TEMPLATE.objectAttributes),
      actual: attributeNames(ek.objectAttributes),
    });
  }
  if (Buffer.compare(ek.authPolicy, TEMPLATE.authPolicy) !== 0) {
    problems.push({
      code: 'EK_ATTRIBUTES',
      subject: 'authPolicy',
      expected: Buffer.from(TEMPLATE.authPolicy).toString('hex'),
      actual: Buffer.from(ek.authPolicy).toString('hex'),
    });
  }
  return problems;
}

function keyProblems(ek: TpmtPublic, certificate: EkCertificate): Problem[] {
  const problem = { code: 'EK_CERT_MISMATCH', subject: 'unique' } as const;
  try {
    return publicKeyOf(ek).equals(certificate.publicKey) ? [] : [problem];
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return [{ ...problem, actual: error.code }];
  }
}
