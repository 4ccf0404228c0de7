import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { isRocaModulus } from '@touchstone/endorsement';
import { parseEkCertificate } from '@touchstone/endorsement';
import { describeCorpus } from '../../test/support/corpus.ts';
import { rocaModulus } from '../../test/support/roca-modulus.ts';
import { certificatesOf, corpusBytes } from './support.ts';

describe('the fingerprint of CVE-2017-15361 (I22)', () => {
  for (const [bits, inM] of [
    [1024, 39],
    [2048, 71],
    [3072, 71],
    [4096, 126],
  ] as const) {
    it(`is on a modulus of ${bits} bits whose primes were made that way`, () => {
      assert.equal(isRocaModulus(rocaModulus(bits, inM)), true);
    });
  }

  it('is on no modulus that was made otherwise, nor on none', () => {
    for (let made = 0; made < 5; made += 1) {
      const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const { n = '' } = publicKey.export({ format: 'jwk' });
      assert.equal(isRocaModulus(Buffer.from(n, 'base64url')), false);
    }
    assert.equal(isRocaModulus(new Uint8Array()), false);
    assert.equal(isRocaModulus(Uint8Array.of(0)), false);
  });

  it('is the same with zeros before the modulus', () => {
    const modulus = rocaModulus(1024, 39);
    assert.equal(isRocaModulus(Buffer.concat([Buffer.alloc(3), modulus])), true);
  });
});

describeCorpus('the fingerprint, on real chips', () => {
  it('is on none of the RSA EKs at hand', () => {
    for (const path of ['hirs/ab21ccf2-tpmcert.pem', 'immune/agent-ek.pem', 'paccor/ek.cer']) {
      const [der = new Uint8Array()] = certificatesOf(corpusBytes(`ekcert/${path}`));
      const { n = '' } = parseEkCertificate(der).publicKey.export({ format: 'jwk' });
      assert.equal(isRocaModulus(Buffer.from(n, 'base64url')), false, path);
    }
  });
});
