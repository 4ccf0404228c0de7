import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { EXIT } from '../index.ts';
import { newOperator, type Operator } from './support/operator.ts';

type Entry = {
  readonly kind: string;
  readonly path: string;
  readonly expected: {
    readonly openssl: 'ok' | 'reject';
    readonly subject?: string;
    readonly issuer?: string;
    readonly keyType?: string;
  };
};
type Report = {
  readonly subject: string;
  readonly issuer: string;
  readonly key: string;
  readonly chain: string;
  readonly findings: readonly { readonly code: string }[];
};

/** Read although openssl refuses it: it lies in the NV wrapper. */
const WRAPPED = 'ekcert/hirs/nuc-1_ek_cert_untouched.cer';
/** Two certificates, of which the manifest describes the second. */
const OF_TWO = /InfineonECCChain010|InfineonRSAChain010/;

describeCorpus('touchstone inspect ek-cert of real certificates', () => {
  const manifest = JSON.parse(readFileSync(corpusPath('manifest.json'), 'utf8')) as Entry[];
  const entries = manifest.filter(({ kind }) => kind === 'ek-cert' || kind === 'ek-ca');
  let operator: Operator;
  before(() => {
    operator = newOperator();
  });
  after(() => operator.leave());
  const inspect = async (path: string, ...options: string[]) => {
    const argv = ['inspect', 'ek-cert', corpusPath(path), '--json', ...options];
    const { exit, out } = await operator.run(argv);
    return { exit, report: JSON.parse(out) as Report };
  };

  for (const { path, expected } of entries) {
    const isRead = expected.openssl === 'ok' || path === WRAPPED;
    it(`${path}: ${isRead ? 0 : 65}`, async () => {
      const { exit, report } = await inspect(path);
      assert.equal(exit, isRead ? EXIT.yes : EXIT.malformed);
      if (!isRead) return;
      assert.equal(report.chain, 'not-checked');
      const { subject, issuer, keyType } = expected;
      if (OF_TWO.test(path)) return;
      if (subject !== undefined) assert.equal(report.subject, subject);
      if (issuer !== undefined) assert.equal(report.issuer, issuer);
      if (keyType) assert.match(report.key, keyType === 'RSAPublicKey' ? /^RSA-/u : /^ECC P-/u);
    });
  }

  /** At the clock of the tests, which is late in 2026. */
  const verdicts: [path: string, chain: string, codes: string[]][] = [
    ['ekcert/immune/agent-ek.pem', 'trusted', []],
    ['ekcert/paccor/ek.crt', 'trusted', []],
    ['ekcert/tpm2/ek-rsa2048.crt', 'unknown-root', ['EK_UNTRUSTED_ROOT']],
    ['ekcert/paccor/ek.cer', 'invalid', ['CERT_EXPIRED', 'CERT_SIGNATURE_WEAK']],
    ['ekcert/hirs/fakeSelfSigned.cer', 'unknown-root', ['EK_CERT_PROFILE', 'EK_UNTRUSTED_ROOT']],
  ];
  for (const [path, chain, codes] of verdicts) {
    it(`${path} against all of the collection: ${[chain, ...codes].join(' ')}`, async () => {
      const { exit, report } = await inspect(path, '--roots', corpusPath('ekca'));
      assert.equal(report.chain, chain);
      assert.deepEqual(report.findings.map(({ code }) => code).toSorted(), codes);
      assert.equal(exit, chain === 'trusted' ? EXIT.yes : EXIT.no);
    });
  }
});
