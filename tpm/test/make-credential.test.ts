import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import {
  AK_TEMPLATE_ECC_P256,
  bankAlgorithm,
  EK_TEMPLATE_ECC_P384,
  EK_TEMPLATE_RSA2048,
  makeCredential,
  parseTpmtPublic,
  publicKeyOf,
  type TpmtPublicRsa,
  Writer,
} from '@touchstone/tpm';
import { corpusIt, describeCorpus } from '../../test/support/corpus.ts';
import { oaepEncrypt } from '../oaep.ts';
import { corpusJson, hex, throwsCode, unhex } from './corpus.ts';

type Activation = {
  aikNameDigest: string;
  secret: string;
  vectors: { ekPem: string; expectedB64: string }[];
};
type Encapsulation = {
  Name: string;
  Label: string;
  OAEPSalt: string;
  PublicKey: string;
  Secret: string;
  Ciphertext: string;
};

describeCorpus('MakeCredential', () => {
  const activation = corpusJson<Activation>('cred/go-tpm-credactivation.json');
  const name = new Writer()
    .u16(bankAlgorithm('sha256'))
    .bytes(Buffer.from(activation.aikNameDigest, 'base64'))
    .finish();
  const credential = Uint8Array.from(Buffer.from(activation.secret, 'base64'));

  function rsaVector(): { ekPublic: TpmtPublicRsa; expected: string } {
    for (const { ekPem, expectedB64 } of activation.vectors) {
      const key = createPublicKey(ekPem);
      if (key.asymmetricKeyType !== 'rsa') continue;
      const modulus = Buffer.from(key.export({ format: 'jwk' }).n ?? '', 'base64url');
      const ekPublic = { ...EK_TEMPLATE_RSA2048, unique: Uint8Array.from(modulus) };
      return { ekPublic, expected: Buffer.from(expectedB64, 'base64').toString('hex') };
    }
    throw new Error('no RSA vector');
  }

  const { ekPublic, expected } = rsaVector();
  const zeros = { seed: new Uint8Array(16), oaepRandom: new Uint8Array(32) };

  it('gives the known answer, both structures with their sizes', () => {
    const { credentialBlob, secret } = makeCredential({ ekPublic, name, credential, ...zeros });
    assert.equal(hex(credentialBlob) + hex(secret), expected);
  });

  it('gives another secret each time and the same credential blob for the same seed', () => {
    const seed = new Uint8Array(32).fill(7);
    const first = makeCredential({ ekPublic, name, credential, seed });
    const second = makeCredential({ ekPublic, name, credential, seed });
    assert.deepEqual(first.credentialBlob, second.credentialBlob);
    assert.notDeepEqual(first.secret, second.secret);
  });

  it('binds the blob to the Name', () => {
    const other = name.with(33, (name[33] ?? 0) ^ 1);
    const blob = makeCredential({ ekPublic, name: other, credential, ...zeros }).credentialBlob;
    assert.ok(!expected.startsWith(hex(blob)));
  });

  it('refuses a key that is no storage key, or a weak one: UNSUITABLE_KEY', () => {
    const attributes = EK_TEMPLATE_RSA2048.objectAttributes;
    const signing = { ...ekPublic, objectAttributes: attributes ^ 0x60000 };
    const parameters = { ...ekPublic.parameters, symmetric: { algorithm: 'null' as const } };
    const weakName = { ...ekPublic, nameAlg: 'sha1' as const };
    const weakKey = { ...ekPublic, parameters: { ...ekPublic.parameters, keyBits: 1024 as const } };
    const unsuitable = [signing, { ...ekPublic, parameters }, weakName, weakKey];
    for (const ek of [...unsuitable, AK_TEMPLATE_ECC_P256]) {
      const input = { ekPublic: ek, name, credential, ...zeros };
      throwsCode(() => makeCredential(input), 'UNSUITABLE_KEY');
    }
  });

  it('refuses a template for a key: BAD_MODULUS', () => {
    const input = { ekPublic: EK_TEMPLATE_RSA2048, name, credential, ...zeros };
    throwsCode(() => makeCredential(input), 'BAD_MODULUS');
  });

  it('refuses an ECC key off its curve, before anything is computed with it: POINT_NOT_ON_CURVE', () => {
    const unique = { x: new Uint8Array(48).fill(5), y: new Uint8Array(48).fill(6) };
    const input = { ekPublic: { ...EK_TEMPLATE_ECC_P384, unique }, name, credential, ...zeros };
    throwsCode(() => makeCredential(input), 'POINT_NOT_ON_CURVE');
    throwsCode(
      () => makeCredential({ ...input, ekPublic: EK_TEMPLATE_ECC_P384 }),
      'POINT_NOT_ON_CURVE',
    );
  });

  it('refuses lengths that the TPM would refuse or that are no secret', () => {
    const input = { ekPublic, name, credential, ...zeros };
    for (const seed of [new Uint8Array(15), new Uint8Array(33)]) {
      assert.throws(() => makeCredential({ ...input, seed }), RangeError);
    }
    for (const length of [0, 33]) {
      const wrong = new Uint8Array(length);
      assert.throws(() => makeCredential({ ...input, credential: wrong }), RangeError);
    }
    const oaepRandom = new Uint8Array(31);
    assert.throws(() => makeCredential({ ...input, oaepRandom }), RangeError);
  });
});

describe('OAEP', () => {
  it('is node:crypto’s where no seed is given, and can be opened either way', () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const label = Buffer.from('IDENTITY\0');
    const message = Buffer.from('a seed');
    const input = { key: pair.publicKey, modulusBytes: 256, label, message } as const;
    for (const seed of [undefined, new Uint8Array(48).fill(9)]) {
      const sealed = oaepEncrypt({ ...input, hash: 'sha384', seed });
      const how = { key: pair.privateKey, oaepHash: 'sha384', oaepLabel: label };
      assert.deepEqual(privateDecrypt(how, sealed), message);
    }
  });

  corpusIt('gives the known answers', () => {
    let compared = 0;
    for (const vector of corpusJson<Encapsulation[]>('cred/go-tpm-rsa_labeled_encaps.json')) {
      const pub = parseTpmtPublic(unhex(vector.PublicKey));
      const { scheme } = pub.parameters;
      const encrypted = oaepEncrypt({
        key: publicKeyOf(pub),
        modulusBytes: (pub as TpmtPublicRsa).unique.length,
        hash: 'hash' in scheme ? scheme.hash : pub.nameAlg,
        label: Buffer.from(`${vector.Label}\0`),
        message: unhex(vector.Secret),
        seed: unhex(vector.OAEPSalt),
      });
      assert.equal(hex(encrypted), vector.Ciphertext, vector.Name);
      compared++;
    }
    assert.equal(compared, 100);
  });
});
