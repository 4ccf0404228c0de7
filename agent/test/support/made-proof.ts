import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  AK_TEMPLATE_ECC_P256,
  AK_TEMPLATE_RSA2048,
  encodeTpmtPublic,
  encodeTpmtSignature,
  hash,
  hashHex,
  type TpmtPublic,
  Writer,
} from '@touchstone/tpm';
import { base64Url, makeJws } from '../../../test/support/jws.ts';

const HOST_ID = '11111111-1111-4111-8111-111111111111';
const ISSUER = 'https://verifier';
export const NONCE = '5e'.repeat(16);
/** When results are in force, in seconds since 1970. */
export const NOW = 1_800_000_000;

const TPM_ALG_SHA256 = 0x000b;
const VALUES: Readonly<Record<string, string>> = {
  0: '00'.repeat(32),
  8: '08'.repeat(32),
  13: '13'.repeat(32),
};

/** What whoever is to be convinced is given. */
export type GivenProof = {
  readonly keys: { readonly issuer?: string; readonly keys: readonly object[] };
  readonly result: string;
  readonly proof: {
    readonly akPublic: string;
    readonly evidence: {
      readonly statement: string;
      readonly quote: { readonly attest: string; readonly signature: string };
      readonly pcrs: { readonly sha256: Readonly<Record<string, string>> };
    };
  };
  readonly nonce: string;
};

/** What is otherwise than in an honest proof. All that is hashed or signed above it is made to fit. */
export type ProofChanges = {
  readonly nonce?: string;
  /** Of the result's JWS. */
  readonly header?: object;
  readonly claims?: object;
  /** Claims of its submodule. */
  readonly host?: object;
  /** The JWS, once it is signed. */
  readonly result?: (jws: string) => string;
  /** An AK of a TPM has other algorithms, attributes or a policy. */
  readonly ak?: (honest: TpmtPublic) => TpmtPublic;
  readonly akOf?: 'ecc' | 'rsa';
  /** TPM2B_PUBLIC, once the server named it. */
  readonly akPublic?: (bytes: Uint8Array) => Uint8Array;
  readonly statement?: object;
  /** What the statement's digest is hashed with. */
  readonly domain?: string;
  readonly type?: string;
  readonly boot?: readonly [clock: bigint, resetCount: number, restartCount: number];
  /** A selection's TPMI_ALG_HASH, and its bits. */
  readonly bank?: number;
  readonly select?: readonly number[];
  readonly pcrDigest?: Uint8Array;
  /** Before it is signed. */
  readonly attest?: (bytes: Uint8Array) => Uint8Array;
  /** TPMT_SIGNATURE, once it is made. */
  readonly signature?: (bytes: Uint8Array) => Uint8Array;
  readonly pcrs?: Readonly<Record<string, string>>;
};

type Ak = { readonly akPublic: TpmtPublic; readonly privateKey: KeyObject };

const AKS: Readonly<Record<'ecc' | 'rsa', Ak>> = { ecc: eccAk(), rsa: rsaAk() };
const resultKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const RESULT_JWK = { ...resultKey.publicKey.export({ format: 'jwk' }), kid: 'result-1' };

/** A proof whose TPM and whose server are this program. */
export function madeProof(changes: ProofChanges = {}): GivenProof {
  const { privateKey, akPublic } = AKS[changes.akOf ?? 'ecc'];
  const area = encodeTpmtPublic(changes.ak?.(akPublic) ?? akPublic);
  const akName = `000b${hashHex('sha256', area)}`;
  const tpm2b = new Writer().sized16(area).finish();
  const nonce = changes.nonce ?? NONCE;

  const statement = Buffer.from(
    JSON.stringify({
      ...{ purpose: 'prove', challenge: '', nonce, hostId: HOST_ID, akName },
      ...changes.statement,
    }),
  );
  const domain = Buffer.from(changes.domain ?? 'touchstone/prove/1\0\0\0', 'latin1');
  const pcrs = changes.pcrs ?? VALUES;
  const values = Object.values(pcrs).map((value) => Buffer.from(value, 'hex'));
  const [clock, resetCount, restartCount] = changes.boot ?? [1_001n, 7, 3];
  const select = changes.select ?? [0x01, 0x21, 0x00];
  const honest = new Writer()
    .bytes(Buffer.from(changes.type ?? 'ff5443478018', 'hex'))
    .sized16(Buffer.from('000b'))
    .sized16(hash('sha256', domain, hash('sha256', statement)))
    .u64(clock)
    .u32(resetCount)
    .u32(restartCount)
    .u8(1)
    .u64(1n)
    .u32(1)
    .u16(changes.bank ?? TPM_ALG_SHA256)
    .u8(select.length)
    .bytes(Uint8Array.from(select))
    .sized16(changes.pcrDigest ?? hash('sha256', ...values))
    .finish();
  const attest = changes.attest?.(honest) ?? honest;
  const signature = signed(attest, privateKey);

  const boot = { resetCount: 7, restartCount: 3, clock: '1000' };
  const claims = {
    ...{ iss: ISSUER, sub: HOST_ID, iat: NOW - 1, exp: NOW + 60 },
    submods: {
      host: {
        ...{ 'ear.status': 'affirming', 'touchstone.state': 'trusted' },
        ...{ 'touchstone.ak-name': akName, 'touchstone.boot': boot, ...changes.host },
      },
    },
    ...changes.claims,
  };
  const header = { alg: 'ES256', kid: RESULT_JWK.kid, typ: 'touchstone-result+jwt' };
  const result = makeJws({ ...header, ...changes.header }, claims, resultKey.privateKey);
  return {
    keys: { issuer: ISSUER, keys: [{ use: 'result', jwk: RESULT_JWK }] },
    result: changes.result?.(result) ?? result,
    proof: {
      akPublic: base64Url(changes.akPublic?.(tpm2b) ?? tpm2b),
      evidence: {
        statement: base64Url(statement),
        quote: {
          attest: base64Url(attest),
          signature: base64Url(changes.signature?.(signature) ?? signature),
        },
        pcrs: { sha256: pcrs },
      },
    },
    nonce,
  };
}

/** An ECDSA signature whose r is shorter than its field, as some TPMs give it; found by making some hundred. */
export function shortSigned(): GivenProof {
  for (;;) {
    const made = madeProof();
    const bytes = Buffer.from(made.proof.evidence.quote.signature, 'base64url');
    if (bytes[6] !== 0) continue;
    const [r, s] = [bytes.subarray(7, 38), bytes.subarray(40)];
    const signature = encodeTpmtSignature({ sigAlg: 'ecdsa', hash: 'sha256', r, s });
    const { attest } = made.proof.evidence.quote;
    const quote = { attest, signature: base64Url(signature) };
    return { ...made, proof: { ...made.proof, evidence: { ...made.proof.evidence, quote } } };
  }
}

function signed(attest: Uint8Array, key: KeyObject): Uint8Array {
  if (key.asymmetricKeyType === 'rsa') {
    const sig = sign('sha256', attest, key);
    return encodeTpmtSignature({ sigAlg: 'rsassa', hash: 'sha256', sig });
  }
  const rs = sign('sha256', attest, { key, dsaEncoding: 'ieee-p1363' });
  const [r, s] = [rs.subarray(0, 32), rs.subarray(32)];
  return encodeTpmtSignature({ sigAlg: 'ecdsa', hash: 'sha256', r, s });
}

function eccAk(): Ak {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const unique = { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
  return { akPublic: { ...AK_TEMPLATE_ECC_P256, unique }, privateKey };
}

function rsaAk(): Ak {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const { n = '' } = publicKey.export({ format: 'jwk' });
  return { akPublic: { ...AK_TEMPLATE_RSA2048, unique: Buffer.from(n, 'base64url') }, privateKey };
}
