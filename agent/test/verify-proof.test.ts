import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeTpmtSignature, TPMA_OBJECT, type TpmtPublic } from '@touchstone/tpm';
import {
  type GivenProof,
  madeProof,
  NONCE,
  NOW,
  type ProofChanges,
  RESULT_JWK,
  shortSigned,
} from './support/made-proof.ts';

const SCRIPT = fileURLToPath(new URL('../../deploy/programs/verify-proof.mjs', import.meta.url));

describe('the verifier’s script', () => {
  let verifyProof: (given: GivenProof, now?: number) => { pcrs: Record<string, string> };

  before(async () => {
    ({ verifyProof } = (await import(SCRIPT)) as { verifyProof: typeof verifyProof });
  });

  const without = (attribute: number) => (ak: TpmtPublic) => ({
    ...ak,
    objectAttributes: ak.objectAttributes & ~attribute,
  });
  const rsa = (changes: object) => ({
    akOf: 'rsa' as const,
    ak: (ak: TpmtPublic) => ({ ...ak, parameters: { ...ak.parameters, ...changes } }) as TpmtPublic,
  });
  const end = (bytes: Uint8Array) => bytes.subarray(0, -1);
  const andMore = (bytes: Uint8Array) => Uint8Array.from([...bytes, 0]);
  const flipped = (bytes: Uint8Array) => Uint8Array.from(bytes, (byte, at) => byte ^ +(at === 20));
  const values = (pcrs: Record<string, string>): ProofChanges => ({ pcrs });
  const [zero, eight, thirteen] = ['00'.repeat(32), '08'.repeat(32), '13'.repeat(32)];

  const accepted: readonly (readonly [string, () => GivenProof])[] = [
    ['an ECDSA AK', () => madeProof()],
    ['an RSASSA AK', () => madeProof({ akOf: 'rsa' })],
    ['one that spells its exponent out', () => madeProof(rsa({ exponent: 65_537 }))],
    ['a signature with a short r', shortSigned],
    ['a JWKS', () => ({ ...madeProof(), keys: { keys: [RESULT_JWK] } })],
    ['a result of a clock that is a minute ahead', () => madeProof({ claims: { iat: NOW + 60 } })],
  ];
  for (const [what, given] of accepted) {
    it(`takes ${what}`, () => {
      assert.deepEqual(verifyProof(given(), NOW).pcrs, { 0: zero, 8: eight, 13: thirteen });
    });
  }

  const refused: Readonly<Record<string, readonly (readonly [string, ProofChanges])[]>> = {
    NONCE_MALFORMED: [
      ['a nonce of 15 bytes', { nonce: 'ab'.repeat(15) }],
      ['one of 65', { nonce: 'ab'.repeat(65) }],
      ['half a byte', { nonce: 'a'.repeat(33) }],
    ],
    RESULT_MALFORMED: [
      ['a result without a signature', { result: (jws) => jws.replace(/\.[^.]*$/u, '') }],
      ['one with a fourth part', { result: (jws) => `${jws}.AA` }],
    ],
    RESULT_KEY_UNKNOWN: [
      ['a key that nobody named', { header: { kid: 'other' } }],
      ['another algorithm', { header: { alg: 'HS256' } }],
      ['a permit', { header: { typ: 'touchstone-permit+jwt' } }],
    ],
    RESULT_SIGNATURE: [
      [
        'claims of another result',
        {
          result: (jws) => {
            const [head, , signature] = jws.split('.');
            const [, others] = madeProof({ claims: { exp: NOW + 61 } }).result.split('.');
            return [head, others, signature].join('.');
          },
        },
      ],
    ],
    RESULT_ISSUER: [['another issuer', { claims: { iss: 'https://elsewhere' } }]],
    RESULT_NOT_IN_FORCE: [
      ['a result that has ended', { claims: { exp: NOW } }],
      ['one of later', { claims: { iat: NOW + 61 } }],
    ],
    HOST_NOT_TRUSTED: [
      ['a host that is not trusted', { host: { 'touchstone.state': 'untrusted' } }],
      ['a verdict that affirms nothing', { host: { 'ear.status': 'warning' } }],
    ],
    AK_TEMPLATE: [
      ['an AK that is not restricted', { ak: without(TPMA_OBJECT.restricted) }],
      ['one that may leave its TPM', { ak: without(TPMA_OBJECT.fixedTPM) }],
      ['one that does not sign', { ak: without(TPMA_OBJECT.sign) }],
      ['one with a Name by SHA-384', { ak: (ak) => ({ ...ak, nameAlg: 'sha384' }) }],
      ['one with a policy', { ak: (ak) => ({ ...ak, authPolicy: new Uint8Array(32) }) }],
      ['one that signs with SHA-1', rsa({ scheme: { scheme: 'rsassa', hash: 'sha1' } })],
      ['one that signs by RSAPSS', rsa({ scheme: { scheme: 'rsapss', hash: 'sha256' } })],
      ['one of 1024 bits', rsa({ keyBits: 1_024 })],
      ['one with the exponent 3', rsa({ exponent: 3 })],
    ],
    OTHER_AK: [
      ['another AK than the server judged', { host: { 'touchstone.ak-name': `000b${zero}` } }],
      ['an AK that was changed since', { akPublic: (bytes) => bytes.with(40, bytes[40]! ^ 1) }],
    ],
    QUOTE_SCHEME: [
      ['a signature of another scheme', { signature: (bytes) => bytes.with(1, 0x14) }],
      ['one over SHA-1', { signature: (bytes) => bytes.with(3, 0x04) }],
      [
        'one whose r is longer than its field',
        {
          signature: (bytes) =>
            encodeTpmtSignature({
              ...{ sigAlg: 'ecdsa', hash: 'sha256' },
              ...{ r: Uint8Array.from([0, ...bytes.subarray(6, 38)]), s: bytes.subarray(40) },
            }),
        },
      ],
    ],
    QUOTE_SIGNATURE: [['a signature with a flipped bit', { signature: flipped }]],
    TRUNCATED: [
      ['an AK that ends too soon', { akPublic: end }],
      ['such a signature', { signature: end }],
      ['such a quote', { attest: end }],
    ],
    TRAILING_BYTES: [
      ['an AK with a byte behind it', { akPublic: andMore }],
      ['such a signature', { signature: andMore }],
      ['such a quote', { attest: andMore }],
    ],
    NOT_A_QUOTE: [
      ['what no TPM made', { type: '005443478018' }],
      ['a certification', { type: 'ff5443478017' }],
    ],
    OTHER_STATEMENT: [
      ['a quote for another purpose', { domain: 'touchstone/attest/1\0\0\0' }],
      ['a quote over a challenge', { domain: 'touchstone/prove/1\0\0\u0001\0' }],
    ],
    WRONG_PURPOSE: [
      ['a statement for another purpose', { statement: { purpose: 'attest' } }],
      ['one over a challenge', { statement: { challenge: 'AAAA' } }],
    ],
    OTHER_NONCE: [['another nonce', { statement: { nonce: 'ab'.repeat(16) } }]],
    OTHER_HOST: [
      ['another host', { claims: { sub: '22222222-2222-4222-8222-222222222222' } }],
      ['a statement of another AK', { statement: { akName: `000b${zero}` } }],
    ],
    QUOTE_SELECTION: [
      ['PCRs of another bank', { bank: 0x000c }],
      ['no PCR', { select: [0, 0, 0], ...values({}) }],
      ['a PCR more than were quoted', { select: [0x01, 0x01, 0] }],
      ['a PCR less', { select: [0x03, 0x21, 0] }],
      ['another', { select: [0x01, 0x41, 0] }],
      [
        'values that are parted elsewhere',
        values({ 0: `${zero}08`, 8: '08'.repeat(31), 13: thirteen }),
      ],
      [
        'values with something behind them',
        values({ 0: `${zero} and more`, 8: eight, 13: thirteen }),
      ],
      ['values in capitals', { pcrs: { 0: zero, 8: eight, 13: 'AB'.repeat(32) } }],
    ],
    PCR_DIGEST: [['other values', { pcrDigest: new Uint8Array(32) }]],
    OTHER_BOOT: [
      ['a quote of a later boot', { boot: [1_001n, 8, 3] }],
      ['one of after a resume', { boot: [1_001n, 7, 4] }],
      ['one of the moment that the server judged', { boot: [1_000n, 7, 3] }],
    ],
  };
  for (const [code, cases] of Object.entries(refused)) {
    for (const [what, changes] of cases) {
      it(`refuses ${what}: ${code}`, () => {
        assert.throws(() => verifyProof(madeProof(changes), NOW), { message: code });
      });
    }
  }

  it('is no yes where it is called by a link, or in any other way that gives it nothing', () => {
    const directory = mkdtempSync(join(tmpdir(), 'ts-verify-'));
    try {
      const link = join(directory, 'verify');
      symlinkSync(SCRIPT, link);
      for (const words of [[SCRIPT], [link], ['--preserve-symlinks-main', link]]) {
        const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
        assert.equal(status, 1, words.join(' '));
        assert.equal(stdout, '');
        assert.notEqual(stderr, '');
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('refuses a nonce that it did not ask for: OTHER_NONCE', () => {
    const given = { ...madeProof(), nonce: NONCE.replace('5e', '5f') };
    assert.throws(() => verifyProof(given, NOW), { message: 'OTHER_NONCE' });
  });

  for (const [what, keys] of [
    ['no key', []],
    ['a key for permits', [{ use: 'permit', jwk: RESULT_JWK }]],
    ['two keys of one name', [RESULT_JWK, RESULT_JWK]],
  ] as const) {
    it(`refuses a result where it is given ${what}: RESULT_KEY_UNKNOWN`, () => {
      const given = { ...madeProof(), keys: { keys } };
      assert.throws(() => verifyProof(given, NOW), { message: 'RESULT_KEY_UNKNOWN' });
    });
  }
});
