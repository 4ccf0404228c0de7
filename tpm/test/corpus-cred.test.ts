import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import {
  bankAlgorithm,
  EK_TEMPLATE_ECC_P256,
  EK_TEMPLATE_RSA2048,
  makeCredential,
  nameOf,
  parseTpmtPublic,
  type TpmtPublic,
  Writer,
} from '@touchstone/tpm';
import { describeCorpus } from '../../test/support/corpus.ts';
import { corpusBytes, corpusJson, hex } from './corpus.ts';
import { statedIn } from './manifest.ts';

type Activation = {
  aikNameDigest: string;
  secret: string;
  vectors: { ekPem: string; expectedB64: string }[];
};

/** The ephemeral key that Go makes of nothing but zeros: it flips 0x42 in the second byte. */
const GO_EPHEMERAL = Uint8Array.of(0, 0x42, ...new Uint8Array(30));

describeCorpus('the credentials of the corpus', () => {
  const activation = corpusJson<Activation>('cred/go-tpm-credactivation.json');
  const base64 = (text: string) => Uint8Array.from(Buffer.from(text, 'base64'));
  const name = new Writer()
    .u16(bankAlgorithm('sha256'))
    .bytes(base64(activation.aikNameDigest))
    .finish();
  const credential = base64(activation.secret);

  for (const { ekPem, expectedB64 } of activation.vectors) {
    const ekPublic = ekOf(ekPem);
    it(`are made for an ${ekPublic.type} EK as go-tpm makes them`, () => {
      const made = makeCredential({
        ...{ ekPublic, name, credential },
        seed: new Uint8Array(16),
        ...(ekPublic.type === 'rsa'
          ? { oaepRandom: new Uint8Array(32) }
          : { ephemeralPrivate: GO_EPHEMERAL }),
      });
      const expected = hex(base64(expectedB64));
      assert.equal(hex(made.credentialBlob) + hex(made.secret), expected);
    });
  }

  it('have both kinds of EK among them', () => {
    const types = activation.vectors.map(({ ekPem }) => ekOf(ekPem).type);
    assert.deepEqual(types.toSorted(), ['ecc', 'rsa']);
  });

  it('of HIRS: the EK is made from template L-1 and holds the modulus beside it', () => {
    const ek = parseTpmtPublic(corpusBytes('cred/hirs/ek.pub'));
    assert.deepEqual({ ...ek, unique: EK_TEMPLATE_RSA2048.unique }, EK_TEMPLATE_RSA2048);
    assert.equal(modulusOf(ek), modulusIn('cred/hirs/ek.mod'));
  });

  it('of HIRS: the AK holds the modulus beside it, and the Name beside it is another key’s', () => {
    const ak = parseTpmtPublic(corpusBytes('cred/hirs/ak.pub'));
    assert.equal(modulusOf(ak), modulusIn('cred/hirs/ak.mod'));
    assert.notEqual(hex(nameOf(ak)), hex(corpusBytes('cred/hirs/ak.name')));
  });

  it('state no expectation in the manifest but that one', () => {
    assert.deepEqual(
      statedIn('cred').map(({ path }) => path),
      ['cred/hirs/ak.name'],
    );
  });
});

function ekOf(pem: string): TpmtPublic {
  const { n, x, y } = createPublicKey(pem).export({ format: 'jwk' });
  const bytes = (text = '') => Uint8Array.from(Buffer.from(text, 'base64url'));
  return n === undefined
    ? { ...EK_TEMPLATE_ECC_P256, unique: { x: bytes(x), y: bytes(y) } }
    : { ...EK_TEMPLATE_RSA2048, unique: bytes(n) };
}

function modulusOf(pub: TpmtPublic): string {
  return pub.type === 'rsa' ? hex(pub.unique) : '';
}

/** Hexadecimal bytes with spaces between. */
function modulusIn(path: string): string {
  return Buffer.from(corpusBytes(path)).toString('latin1').replaceAll(/\s/gu, '');
}
