import assert from 'node:assert/strict';
import { verify, X509Certificate } from 'node:crypto';
import {
  type BankName,
  nameOf,
  parseTpmsAttest,
  parseTpmsCertify,
  parseTpmtPublic,
  type TpmtSignature,
  verifySignatureWithKey,
} from '@touchstone/tpm';
import { describeCorpus } from '../../test/support/corpus.ts';
import { corpusBytes, hex, throwsCode } from './corpus.ts';
import { folderOf, headerAsKnown, type KnownAttest, statedIn } from './manifest.ts';

type CertifyExpectation = {
  alg: number;
  attest: KnownAttest;
  computedName: string;
  nameMatches: boolean;
  pubAreaTrailing: number;
  sigValid: boolean;
};

/** COSE algorithms: RS1, RS256 and ES256. A WebAuthn signature names its scheme beside it, not inside. */
const COSE: Readonly<Record<number, { rsa: boolean; hash: BankName }>> = {
  [-65535]: { rsa: true, hash: 'sha1' },
  [-257]: { rsa: true, hash: 'sha256' },
  [-7]: { rsa: false, hash: 'sha256' },
};

/**
 * Refused, though other parsers read it: the example of the WebAuthn specification, made without a TPM, has
 * random bytes for clockInfo, and 51 is neither YES nor NO (Part 2, 9.2). Its Name and signature hold.
 */
const REFUSED: Readonly<Record<string, { code: string; field: string }>> = {
  'webauthn/webauthn-84b354fd9d': { code: 'BAD_YES_NO', field: 'clockInfo.safe' },
};

describeCorpus('the key certifications of the corpus', () => {
  const entries = statedIn('webauthn');

  for (const entry of entries) {
    const expected = entry.expected as CertifyExpectation;
    const folder = folderOf(entry);
    const message = corpusBytes(`${folder}/certInfo.bin`);

    describe(folder, () => {
      const refusal = REFUSED[folder];
      if (refusal !== undefined) {
        it(`is refused: ${refusal.code}`, () => {
          throwsCode(() => parseTpmsCertify(message), refusal.code, refusal.field);
          assert.ok(expected.attest.safe > 1);
        });
      } else {
        it('is read as other parsers read it', () => {
          const attest = parseTpmsCertify(message);
          const { name, qualifiedName } = attest.certify;
          const read = {
            ...headerAsKnown(attest),
            ...{ name: hex(name), qualifiedName: hex(qualifiedName) },
          };
          assert.deepEqual({ ...read, type: '8017', trailing: 0 }, expected.attest);
        });
      }

      it('is never read as a quote: NOT_A_QUOTE', () => {
        throwsCode(() => parseTpmsAttest(message), 'NOT_A_QUOTE', 'type');
      });

      it('certifies the public area beside it', () => {
        const name = hex(nameOf(parseTpmtPublic(corpusBytes(`${folder}/pubArea.bin`))));
        assert.equal(name, expected.computedName);
        assert.equal(name === expected.attest.name, expected.nameMatches);
        assert.equal(expected.pubAreaTrailing, 0);
      });

      const { rsa, hash } = COSE[expected.alg] ?? assert.fail(`alg ${expected.alg}`);
      const weak = hash === 'sha1';
      it(weak ? 'is signed, over SHA-1, and refused for that' : 'is signed by its key', () => {
        const der = corpusBytes(`${folder}/x5c-0.der`);
        const key = new X509Certificate(Buffer.from(der)).publicKey;
        const sig = corpusBytes(`${folder}/sig.bin`);
        const signature = rsa ? ({ sigAlg: 'rsassa', hash, sig } as const) : ecdsaFrom(sig, hash);
        const verdict = verifySignatureWithKey({ key, signature, message });
        assert.deepEqual(verdict, weak ? { ok: false, code: 'SIG_HASH_WEAK' } : { ok: true });
        assert.equal(verify(hash, message, key, sig), expected.sigValid);
      });
    });
  }

  it('are all of them tried here', () => {
    assert.equal(entries.length, 8);
    assert.ok(entries.every(({ path }) => path.endsWith('/attestationObject.cbor')));
  });
});

/** ECDSA-Sig-Value: RFC 3279, 2.2.3. Both numbers are shorter than 128 bytes. */
function ecdsaFrom(der: Uint8Array, hash: BankName): TpmtSignature {
  const rLength = der[3] ?? 0;
  const sAt = 4 + rLength + 2;
  const number = (bytes: Uint8Array) => bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  const [r, s] = [number(der.subarray(4, 4 + rLength)), number(der.subarray(sAt))];
  return { sigAlg: 'ecdsa', hash, r, s };
}
