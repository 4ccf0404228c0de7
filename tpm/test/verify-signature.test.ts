import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  AK_TEMPLATE_ECC_P256,
  type BankName,
  type CurveName,
  EK_TEMPLATE_RSA2048,
  parseTpmtPublic,
  parseTpmtSignature,
  publicKeyOf,
  type SignatureRefusal,
  type TpmtPublicEcc,
  type TpmtPublicRsa,
  type TpmtSignature,
  verifySignatureWithKey,
  verifyTpmSignature,
} from '@touchstone/tpm';
import { describeCorpus } from '../../test/support/corpus.ts';
import { curveOfName } from '../curve.ts';
import { corpusBytes, QUOTE, quotesWith, throwsCode, unhex } from './corpus.ts';

const message = Buffer.from('what a TPM signed');
const P256_N = curveOfName('nist_p256').n;

function refuses(input: Parameters<typeof verifyTpmSignature>[0], code: SignatureRefusal): void {
  assert.deepEqual(verifyTpmSignature(input), { ok: false, code });
}

function eccKey(curve: CurveName, hash: BankName): { ak: TpmtPublicEcc; key: KeyObject } {
  const { jwk } = curveOfName(curve);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: jwk });
  const point = publicKey.export({ format: 'jwk' });
  const coordinate = (text = '') => Uint8Array.from(Buffer.from(text, 'base64url'));
  const parameters = {
    ...AK_TEMPLATE_ECC_P256.parameters,
    curve,
    scheme: { scheme: 'ecdsa', hash },
  } as const;
  const unique = { x: coordinate(point.x), y: coordinate(point.y) };
  return { ak: { ...AK_TEMPLATE_ECC_P256, parameters, unique }, key: privateKey };
}

function ecdsa(key: KeyObject, hash: BankName, text: Uint8Array = message) {
  const rs = sign(hash, text, { key, dsaEncoding: 'ieee-p1363' });
  const [r, s] = [rs.subarray(0, rs.length / 2), rs.subarray(rs.length / 2)];
  return { sigAlg: 'ecdsa' as const, hash, r, s };
}

/** As TPMs of some makers write a number. */
const withoutLeadingZeros = (bytes: Uint8Array) =>
  bytes.subarray(bytes.findIndex((byte) => byte !== 0));

/** ECDSA draws a new r each time: one r or s in 128 starts with a zero byte. */
function signatureWithLeadingZeros(key: KeyObject, hash: BankName) {
  for (let tries = 0; tries < 5000; tries++) {
    const signature = ecdsa(key, hash);
    if (signature.r[0] === 0 || signature.s[0] === 0) return signature;
  }
  throw new Error('no leading zero in 5000 signatures');
}

const bytesOf = (value: bigint) => unhex(value.toString(16).padStart(64, '0'));

describeCorpus('verifyTpmSignature on real quotes', () => {
  for (const name of quotesWith('ak.tpmt_public')) {
    const weak = name === 'goattest-windows-gcp';
    it(`${weak ? 'refuses SHA-1 in' : 'verifies'} ${name}`, () => {
      const verdict = verifyTpmSignature({
        publicArea: parseTpmtPublic(corpusBytes(`quotes/${name}/ak.tpmt_public`)),
        signature: parseTpmtSignature(corpusBytes(`quotes/${name}/sig.bin`)),
        message: corpusBytes(`quotes/${name}/quote.msg`),
      });
      assert.deepEqual(verdict, weak ? { ok: false, code: 'SIG_HASH_WEAK' } : { ok: true });
    });
  }

  const publicArea = parseTpmtPublic(corpusBytes(`${QUOTE}/ak.tpmt_public`));

  it('refuses every mutation of the message: SIGNATURE_INVALID', () => {
    const signature = parseTpmtSignature(corpusBytes(`${QUOTE}/sig.bin`));
    for (const kind of ['clock-bit', 'magic-flipped', 'trailing', 'truncated', 'type-certify']) {
      const mutated = corpusBytes(`${QUOTE}/quote.msg.neg-${kind}`);
      refuses({ publicArea, signature, message: mutated }, 'SIGNATURE_INVALID');
    }
  });

  it('refuses every mutation of the signature', () => {
    const real = corpusBytes(`${QUOTE}/quote.msg`);
    const flipped = parseTpmtSignature(corpusBytes(`${QUOTE}/sig.bin.neg-bit`));
    refuses({ publicArea, signature: flipped, message: real }, 'SIGNATURE_INVALID');
    const cut = corpusBytes(`${QUOTE}/sig.bin.neg-truncated`);
    throwsCode(() => parseTpmtSignature(cut), 'TRUNCATED');
    const longer = corpusBytes(`${QUOTE}/sig.bin.neg-trailing`);
    throwsCode(() => parseTpmtSignature(longer), 'TRAILING_BYTES');
  });

  it('refuses the quote of another key: SIGNATURE_INVALID', () => {
    const other = 'quotes/gcepb-gce-cos-85-nonce9009-sha256';
    const signature = parseTpmtSignature(corpusBytes(`${other}/sig.bin`));
    const real = corpusBytes(`${other}/quote.msg`);
    refuses({ publicArea, signature, message: real }, 'SIGNATURE_INVALID');
  });
});

describe('verifyTpmSignature with ECDSA', () => {
  for (const [curve, hash] of [
    ['nist_p256', 'sha256'],
    ['nist_p384', 'sha384'],
    ['nist_p521', 'sha512'],
  ] as const) {
    it(`verifies ${curve} with ${hash}, leading zeros of r and s present or not`, () => {
      const { ak, key } = eccKey(curve, hash);
      const padded = signatureWithLeadingZeros(key, hash);
      const short = {
        ...padded,
        r: withoutLeadingZeros(padded.r),
        s: withoutLeadingZeros(padded.s),
      };
      for (const signature of [padded, short]) {
        const verdict = verifyTpmSignature({ publicArea: ak, signature, message });
        assert.deepEqual(verdict, { ok: true });
      }
    });
  }

  it('verifies under a key whose coordinates lack their leading zeros', () => {
    let pair = eccKey('nist_p256', 'sha256');
    while (pair.ak.unique.x[0] !== 0) pair = eccKey('nist_p256', 'sha256');
    const { x, y } = pair.ak.unique;
    const publicArea = { ...pair.ak, unique: { x: withoutLeadingZeros(x), y } };
    const signature = ecdsa(pair.key, 'sha256');
    assert.deepEqual(verifyTpmSignature({ publicArea, signature, message }), { ok: true });
  });

  const { ak, key } = eccKey('nist_p256', 'sha256');
  const good = ecdsa(key, 'sha256');
  const s = BigInt(`0x${Buffer.from(good.s).toString('hex')}`);

  it('takes s and n - s alike, for TPMs do not normalise', () => {
    const signature = { ...good, s: bytesOf(P256_N - s) };
    assert.deepEqual(verifyTpmSignature({ publicArea: ak, signature, message }), { ok: true });
  });

  const outOfRange: { given: string; change: Partial<typeof good> }[] = [
    { given: 'r = 0', change: { r: Buffer.alloc(32) } },
    { given: 's = 0', change: { s: Buffer.alloc(1) } },
    { given: 'r = n', change: { r: Buffer.from(bytesOf(P256_N)) } },
    { given: 's = n', change: { s: Buffer.from(bytesOf(P256_N)) } },
    {
      given: 's + n',
      change: { s: Buffer.from(unhex(`0${(P256_N + s).toString(16)}`.slice(-66))) },
    },
    { given: 'r of 66 bytes', change: { r: Buffer.alloc(66, 0xff) } },
    { given: 'r and s exchanged', change: { r: good.s, s: good.r } },
  ];
  for (const { given, change } of outOfRange) {
    it(`refuses ${given}: SIGNATURE_INVALID`, () => {
      refuses({ publicArea: ak, signature: { ...good, ...change }, message }, 'SIGNATURE_INVALID');
    });
  }

  it('refuses a key off the curve: SIG_KEY_INVALID', () => {
    const last = ak.unique.y.length - 1;
    const y = ak.unique.y.with(last, (ak.unique.y[last] ?? 0) ^ 1);
    const publicArea = { ...ak, unique: { x: ak.unique.x, y } };
    throwsCode(() => publicKeyOf(publicArea), 'POINT_NOT_ON_CURVE');
    refuses({ publicArea, signature: good, message }, 'SIG_KEY_INVALID');
  });

  it('refuses a template, which has no key: SIG_KEY_INVALID', () => {
    refuses({ publicArea: AK_TEMPLATE_ECC_P256, signature: good, message }, 'SIG_KEY_INVALID');
  });

  it('refuses a hash other than the public area names, though it be signed: SIG_ALG_MISMATCH', () => {
    const signature = ecdsa(key, 'sha384');
    refuses({ publicArea: ak, signature, message }, 'SIG_ALG_MISMATCH');
  });

  it('refuses an RSA scheme under an ECC key: SIG_ALG_MISMATCH', () => {
    const signature = { sigAlg: 'rsassa', hash: 'sha256', sig: new Uint8Array(64) } as const;
    refuses({ publicArea: ak, signature, message }, 'SIG_ALG_MISMATCH');
  });

  it('refuses a key without a scheme of its own: SIG_ALG_MISMATCH', () => {
    const parameters = { ...ak.parameters, scheme: { scheme: 'null' } } as const;
    refuses({ publicArea: { ...ak, parameters }, signature: good, message }, 'SIG_ALG_MISMATCH');
  });

  it('refuses SHA-1 though the key names it: SIG_HASH_WEAK', () => {
    const weak = eccKey('nist_p256', 'sha1');
    const signature = ecdsa(weak.key, 'sha1');
    refuses({ publicArea: weak.ak, signature, message }, 'SIG_HASH_WEAK');
  });
});

describe('verifyTpmSignature with RSA', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const modulus = Buffer.from(publicKey.export({ format: 'jwk' }).n ?? '', 'base64url');
  const akWith = (scheme: 'rsassa' | 'rsapss'): TpmtPublicRsa => ({
    ...EK_TEMPLATE_RSA2048,
    parameters: {
      ...EK_TEMPLATE_RSA2048.parameters,
      symmetric: { algorithm: 'null' },
      scheme: { scheme, hash: 'sha256' },
    },
    unique: Uint8Array.from(modulus),
  });
  const pssWith = (saltLength: number): TpmtSignature => {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    const sig = sign('sha256', message, { key: privateKey, padding, saltLength });
    return { sigAlg: 'rsapss', hash: 'sha256', sig };
  };
  const pkcs1 = sign('sha256', message, privateKey);
  const rsassa = { sigAlg: 'rsassa', hash: 'sha256', sig: pkcs1 } as const;

  it('verifies RSASSA, and RSAPSS with the salt of either kind of TPM', () => {
    const lengths = [constants.RSA_PSS_SALTLEN_DIGEST, constants.RSA_PSS_SALTLEN_MAX_SIGN];
    for (const signature of lengths.map(pssWith)) {
      const verdict = verifyTpmSignature({ publicArea: akWith('rsapss'), signature, message });
      assert.deepEqual(verdict, { ok: true });
    }
    const verdict = verifyTpmSignature({
      publicArea: akWith('rsassa'),
      signature: rsassa,
      message,
    });
    assert.deepEqual(verdict, { ok: true });
  });

  for (const bits of [3072, 4096] as const) {
    it(`verifies RSA-${bits}, each strong hash with either scheme`, () => {
      const pair = generateKeyPairSync('rsa', { modulusLength: bits });
      const n = Buffer.from(pair.publicKey.export({ format: 'jwk' }).n ?? '', 'base64url');
      for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
        for (const scheme of ['rsassa', 'rsapss'] as const) {
          const padding =
            scheme === 'rsassa' ? constants.RSA_PKCS1_PADDING : constants.RSA_PKCS1_PSS_PADDING;
          const sig = sign(hash, message, { key: pair.privateKey, padding });
          const made = akWith(scheme);
          const parameters = { ...made.parameters, keyBits: bits, scheme: { scheme, hash } };
          const publicArea = { ...made, parameters, unique: Uint8Array.from(n) };
          const signature = { sigAlg: scheme, hash, sig };
          assert.deepEqual(verifyTpmSignature({ publicArea, signature, message }), { ok: true });
        }
      }
    });
  }

  it('refuses RSA-1024, for all that it verifies: SIG_KEY_INVALID', () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const n = Buffer.from(pair.publicKey.export({ format: 'jwk' }).n ?? '', 'base64url');
    const made = akWith('rsassa');
    const parameters = { ...made.parameters, keyBits: 1024 as const };
    const publicArea = { ...made, parameters, unique: Uint8Array.from(n) };
    const signature = { ...rsassa, sig: sign('sha256', message, pair.privateKey) };
    refuses({ publicArea, signature, message }, 'SIG_KEY_INVALID');
  });

  it('refuses RSASSA under a key for RSAPSS: SIG_ALG_MISMATCH', () => {
    refuses({ publicArea: akWith('rsapss'), signature: rsassa, message }, 'SIG_ALG_MISMATCH');
  });

  it('refuses a signature under the other scheme of its own key: SIGNATURE_INVALID', () => {
    const signature = { ...rsassa, sigAlg: 'rsapss' } as const;
    refuses({ publicArea: akWith('rsapss'), signature, message }, 'SIGNATURE_INVALID');
  });

  it('refuses a signature shorter or longer than the modulus: SIGNATURE_INVALID', () => {
    for (const sig of [pkcs1.subarray(1), Buffer.concat([Buffer.alloc(1), pkcs1])]) {
      const signature = { ...rsassa, sig };
      refuses({ publicArea: akWith('rsassa'), signature, message }, 'SIGNATURE_INVALID');
    }
  });
});

describe('verifySignatureWithKey, of a key without its public area', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const sig = sign('sha256', message, privateKey);
  const signature = { sigAlg: 'rsassa', hash: 'sha256', sig } as const;
  const verdictOn = (key: KeyObject, changed: TpmtSignature = signature) =>
    verifySignatureWithKey({ key, signature: changed, message });

  it('verifies RSA and ECDSA', () => {
    assert.deepEqual(verdictOn(publicKey), { ok: true });
    for (const curve of ['nist_p256', 'nist_p384', 'nist_p521'] as const) {
      const { ak, key } = eccKey(curve, 'sha512');
      assert.deepEqual(verdictOn(publicKeyOf(ak), ecdsa(key, 'sha512')), { ok: true });
    }
  });

  it('refuses the scheme of another kind of key: SIG_ALG_MISMATCH', () => {
    const { ak, key } = eccKey('nist_p256', 'sha256');
    const mismatch = { ok: false, code: 'SIG_ALG_MISMATCH' };
    assert.deepEqual(verdictOn(publicKeyOf(ak)), mismatch);
    assert.deepEqual(verdictOn(publicKey, ecdsa(key, 'sha256')), mismatch);
  });

  it('refuses SHA-1, and SM3: SIG_HASH_WEAK', () => {
    for (const hash of ['sha1', 'sm3_256'] as const) {
      const verdict = verdictOn(publicKey, { ...signature, hash });
      assert.deepEqual(verdict, { ok: false, code: 'SIG_HASH_WEAK' });
    }
  });

  const odd = [
    { given: 'a private key', key: privateKey },
    {
      given: 'RSA-1024',
      key: generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey,
    },
    {
      given: 'the exponent 3',
      key: generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey,
    },
    {
      given: 'a key for PSS alone',
      key: generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey,
    },
    {
      given: 'a curve that no TPM here has',
      key: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey,
    },
    { given: 'Ed25519', key: generateKeyPairSync('ed25519').publicKey },
  ];
  for (const { given, key } of odd) {
    it(`refuses ${given}: SIG_KEY_INVALID`, () => {
      assert.deepEqual(verdictOn(key), { ok: false, code: 'SIG_KEY_INVALID' });
    });
  }
});
