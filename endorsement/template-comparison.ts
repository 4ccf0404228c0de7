import { isDeepStrictEqual } from 'node:util';
import { ParseError, publicKeyOf, type TpmtPublic } from '@touchstone/tpm';
import type { EndorsementCode } from './codes.ts';
import { attributeNames } from './object-attributes.ts';
import type { Problem } from './problem.ts';

/** nameAlg and every parameter of a public area that is not its template's. */
export function algorithmDifferences(
  code: EndorsementCode,
  template: TpmtPublic,
  pub: TpmtPublic,
): Problem[] {
  if (template.type !== pub.type) {
    return [{ code, subject: 'type', expected: template.type, actual: pub.type }];
  }
  const expected = { nameAlg: template.nameAlg, ...template.parameters };
  const actual: Readonly<Record<string, unknown>> = { nameAlg: pub.nameAlg, ...pub.parameters };
  return Object.entries(expected).flatMap(([subject, value]): Problem[] => {
    if (isDeepStrictEqual(value, actual[subject])) return [];
    const [wanted, found] = [JSON.stringify(value), JSON.stringify(actual[subject])];
    return [{ code, subject, expected: wanted, actual: found }];
  });
}

/** objectAttributes, where a bit among `mask` is not the template's. */
export function attributeDifferences(
  code: EndorsementCode,
  template: TpmtPublic,
  pub: TpmtPublic,
  mask = -1,
): Problem[] {
  if (((template.objectAttributes ^ pub.objectAttributes) & mask) === 0) return [];
  const [expected, actual] = [template, pub].map((area) => attributeNames(area.objectAttributes));
  return [{ code, subject: 'objectAttributes', expected: `${expected}`, actual: `${actual}` }];
}

export function policyDifferences(
  code: EndorsementCode,
  template: TpmtPublic,
  pub: TpmtPublic,
): Problem[] {
  const [expected, actual] = [template, pub].map((area) =>
    Buffer.from(area.authPolicy).toString('hex'),
  );
  if (expected === actual) return [];
  return [{ code, subject: 'authPolicy', expected: `${expected}`, actual: `${actual}` }];
}

/** What is wrong with the key itself: a point off its curve, a modulus of another size. */
export function keyProblems(code: EndorsementCode, pub: TpmtPublic): Problem[] {
  try {
    publicKeyOf(pub);
    return [];
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return [{ code, subject: error.field, actual: error.code }];
  }
}

/** What `compare` finds against the template that is nearest. */
export function againstNearest(
  templates: readonly [TpmtPublic, ...TpmtPublic[]],
  compare: (template: TpmtPublic) => Problem[],
): Problem[] {
  return templates.map(compare).reduce((best, next) => (next.length < best.length ? next : best));
}
