import { sign } from 'node:crypto';
import {
  encodeCertificateList,
  encodeTbsCertList,
  keyIdOf,
  parseRevocationList,
  type Revocation,
} from '@touchstone/endorsement';
import { CA, type MadeCa } from './made-authority.ts';

const HOUR_MS = 3_600_000;

export type MadeList = {
  /** 0: that of certificates which name none. */
  readonly partition?: number;
  readonly number?: number;
  readonly revoked?: readonly { readonly serial: string; readonly at?: Date }[];
  readonly thisUpdate?: Date;
  readonly nextUpdate?: Date;
  readonly by?: MadeCa;
  /** Of the CA; the path that follows is the place's. */
  readonly at?: string;
};

/** A revocation list, DER, of an hour ago, for a day. */
export function makeList(made: MadeList = {}): Uint8Array {
  const { partition = 1, number = 1, by = CA, revoked = [] } = made;
  const thisUpdate = made.thisUpdate ?? new Date(Date.now() - HOUR_MS);
  const keyId = keyIdOf(by.spki);
  const tbs = encodeTbsCertList({
    ...{ signatureAlgorithm: 'ecdsa-sha256', issuer: by.name, issuerKeyId: keyId },
    ...{ number: BigInt(number), thisUpdate },
    nextUpdate: made.nextUpdate ?? new Date(thisUpdate.getTime() + 24 * HOUR_MS),
    revoked: revoked.map(({ serial, at = thisUpdate }) => ({
      ...{ serial: Buffer.from(serial, 'hex'), at, reason: 'unspecified' },
    })),
    ...(partition === 0
      ? {}
      : { url: `${made.at ?? 'https://ca.test'}/v1/crls/${keyId}/${partition}` }),
  });
  return encodeCertificateList(tbs, 'ecdsa-sha256', sign('sha256', tbs, by.privateKey));
}

/** As the server holds them; with an hour of grace. */
export function revocationOf(...made: readonly MadeList[]): Revocation {
  const lists = made.map((one) => parseRevocationList(makeList(one)));
  return {
    lists: new Map(lists.map((list) => [list.place.key, { ...list, url: list.place.url }])),
    graceSeconds: 3_600,
  };
}
