import assert from 'node:assert/strict';
import {
  EK_POLICIES,
  EK_TEMPLATES,
  encodeTpm2bPublic,
  hash,
  hashOfBank,
  parseTpm2bPublic,
  TPM_RH_ENDORSEMENT,
  Writer,
} from '@touchstone/tpm';
import { hex } from './corpus.ts';

const TPM_CC_POLICY_SECRET = 0x151;
const TPM_CC_POLICY_OR = 0x171;

describe('the policies of EKs', () => {
  for (const name of ['sha256', 'sha384', 'sha512'] as const) {
    const { a, b, c } = EK_POLICIES[name];
    const start = new Uint8Array(hashOfBank(name).size);

    it(`are PolicySecret(endorsement), and the PolicyOR of that and C: ${name}`, () => {
      const command = new Writer().u32(TPM_CC_POLICY_SECRET).u32(TPM_RH_ENDORSEMENT).finish();
      assert.equal(hex(a), hex(hash(name, hash(name, start, command))));
      const or = new Writer().u32(TPM_CC_POLICY_OR).finish();
      assert.equal(hex(b), hex(hash(name, start, or, a, c)));
    });
  }
});

describe('the templates of EKs', () => {
  it('are public areas, each of its own', () => {
    const encoded = EK_TEMPLATES.map((template) => hex(encodeTpm2bPublic(template)));
    assert.equal(new Set(encoded).size, EK_TEMPLATES.length);
    for (const template of EK_TEMPLATES)
      assert.deepEqual(parseTpm2bPublic(encodeTpm2bPublic(template)), template);
  });

  it('have a symmetric key as strong as their hash', () => {
    for (const { nameAlg, authPolicy, parameters } of EK_TEMPLATES) {
      const { symmetric } = parameters;
      const keyBits = nameAlg === 'sha256' ? 128 : 256;
      assert.deepEqual(symmetric, { algorithm: 'aes', keyBits, mode: 'cfb' });
      assert.equal(authPolicy.length, hashOfBank(nameAlg).size);
    }
  });
});
