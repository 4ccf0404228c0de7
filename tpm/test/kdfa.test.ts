import assert from 'node:assert/strict';
import { hashAlgorithm, kdfa } from '@touchstone/tpm';
import { corpusIt } from '../../test/support/corpus.ts';
import { corpusJson, hex, unhex } from './corpus.ts';

type KdfaVector = {
  Name: string;
  HashAlg: number;
  Key: string;
  Label: string;
  ContextU: string;
  ContextV: string;
  Bits: number;
  Result: string;
};

describe('KDFa', () => {
  corpusIt('gives the known answers', () => {
    const vectors = corpusJson<KdfaVector[]>('cred/go-tpm-kdfa.json');
    assert.equal(vectors.length, 100);
    for (const vector of vectors) {
      const derived = kdfa({
        hash: hashAlgorithm(vector.HashAlg).name,
        key: unhex(vector.Key),
        label: vector.Label,
        contextU: unhex(vector.ContextU),
        contextV: unhex(vector.ContextV),
        bits: vector.Bits,
      });
      assert.equal(hex(derived), vector.Result, vector.Name);
    }
  });

  it('refuses a length that is none', () => {
    const empty = new Uint8Array();
    const input = {
      hash: 'sha256',
      key: empty,
      label: 'X',
      contextU: empty,
      contextV: empty,
    } as const;
    for (const bits of [0, -1, 1.5, NaN, 65536]) {
      assert.throws(() => kdfa({ ...input, bits }), RangeError);
    }
  });
});
