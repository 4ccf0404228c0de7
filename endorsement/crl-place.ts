/**
 * One of an issuer's revocation lists. An issuer has as many as it needs, of so many certificates each
 * (`CRL_CERTIFICATES_MAX`) that none ever grows past what can be read at once.
 */
export type CrlPlace = {
  /** Hex. */
  readonly issuerKeyId: string;
  /** From 1; 0 for certificates that name no list, as older ones do. */
  readonly partition: number;
  /** As the certificate and the list both name it; null for partition 0. */
  readonly url: string | null;
  /** Issuer and partition in one, to look lists up by. */
  readonly key: string;
};

/** Certificates that one list can hold, all of them revoked. */
export const CRL_CERTIFICATES_MAX = 2_000;

const PATH =
  /^https:\/\/[^/?#@\s]{1,300}(?:\/[^?#\s]*)?\/v1\/crls\/([0-9a-f]{40,64})\/([1-9][0-9]{0,8})$/;

/** The place that a URL names, undefined for one of any other form. */
export function crlPlaceOf(url: string): CrlPlace | undefined {
  const [, issuerKeyId = '', number = ''] = PATH.exec(url) ?? [];
  if (issuerKeyId === '') return undefined;
  return { issuerKeyId, partition: Number(number), url, key: crlKeyOf(issuerKeyId, number) };
}

export const unnamedCrlPlace = (issuerKeyId: string): CrlPlace => ({
  ...{ issuerKeyId, partition: 0, url: null },
  key: crlKeyOf(issuerKeyId, 0),
});

export const crlKeyOf = (issuerKeyId: string, partition: number | string): string =>
  `${issuerKeyId}/${partition}`;
