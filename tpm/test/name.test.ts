import assert from 'node:assert/strict';
import {
  hierarchyName,
  nameOf,
  parseTpmtPublic,
  qualifiedNameOf,
  TPM_RH_ENDORSEMENT,
} from '@touchstone/tpm';
import { describeCorpus } from '../../test/support/corpus.ts';
import { corpusBytes, corpusJson, hex } from './corpus.ts';

describeCorpus('Names of real keys', () => {
  const ak = parseTpmtPublic(corpusBytes('cred/hirs/ak.pub'));
  const ek = parseTpmtPublic(corpusBytes('cred/hirs/ek.pub'));

  describe('Names', () => {
    it('are nameAlg and the digest of the public area, as in real certify attestations', () => {
      let compared = 0;
      for (const { path } of corpusJson<{ path: string }[]>('manifest.json')) {
        if (!path.startsWith('webauthn/') || !path.endsWith('pubArea.bin')) continue;
        const certified = hex(corpusBytes(path.replace('pubArea.bin', 'certInfo.bin')));
        assert.ok(certified.includes(hex(nameOf(parseTpmtPublic(corpusBytes(path))))), path);
        compared++;
      }
      assert.ok(compared > 0);
    });

    it('of another key differ', () => {
      assert.notEqual(hex(nameOf(ak)), hex(corpusBytes('cred/hirs/ak.name')));
    });

    it('change with any attribute', () => {
      const other = { ...ak, objectAttributes: ak.objectAttributes ^ 2 };
      assert.notEqual(hex(nameOf(ak)), hex(nameOf(other)));
    });

    it('of a hierarchy are its handle', () => {
      assert.equal(hex(hierarchyName(TPM_RH_ENDORSEMENT)), '4000000b');
    });
  });

  describe('Qualified Names', () => {
    it('take the child as a public area or as a Name, and depend on the parent', () => {
      const parent = qualifiedNameOf(hierarchyName(TPM_RH_ENDORSEMENT), ek);
      const qualified = qualifiedNameOf(parent, ak);
      assert.equal(qualified.length, 34);
      const name = nameOf(ak);
      assert.deepEqual(qualifiedNameOf(parent, { nameAlg: 'sha256', name }), qualified);
      assert.notDeepEqual(qualifiedNameOf(hierarchyName(TPM_RH_ENDORSEMENT), ak), qualified);
    });
  });
});
