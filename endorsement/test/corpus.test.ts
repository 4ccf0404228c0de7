import assert from 'node:assert/strict';
import { parseEkCertificate, validatePath } from '@touchstone/endorsement';
import { describeCorpus } from '../../test/support/corpus.ts';
import { certificatesOf, corpusBytes } from './support.ts';

type Entry = {
  readonly kind: string;
  readonly path: string;
  readonly expected: {
    readonly openssl?: 'ok' | 'reject';
    readonly certs?: number;
    readonly serial?: string;
    readonly notAfter?: string;
    readonly eku?: readonly string[];
  };
};

describeCorpus('real EK and CA certificates', () => {
  const manifest = JSON.parse(corpusBytes('manifest.json').toString('utf8')) as Entry[];
  const entries = manifest.filter(({ kind }) => kind === 'ek-cert' || kind === 'ek-ca');
  const bundles = manifest.filter(({ kind }) => kind === 'ek-ca-bundle');

  it('are there', () => assert.ok(entries.length > 100));

  for (const { path, expected } of entries) {
    // openssl knows nothing of the NV wrapper; this one file has it.
    const readable = expected.openssl === 'ok' || path.endsWith('nuc-1_ek_cert_untouched.cer');
    it(`${path}: ${readable ? 'is read' : 'is refused'}`, () => {
      const certificates = certificatesOf(corpusBytes(path));
      if (!readable) {
        assert.throws(() => certificates.map(parseEkCertificate), { name: 'ParseError' });
        return;
      }
      const read = certificates.map(parseEkCertificate);
      const { serial, notAfter, eku } = expected;
      // A file of several is described by the last of them, or the first.
      const has = (holds: (certificate: (typeof read)[number]) => boolean) =>
        assert.ok(read.some(holds), JSON.stringify(read));
      if (serial !== undefined)
        has((found) => BigInt(`0x${found.serial}`) === BigInt(`0x${serial}`));
      if (notAfter !== undefined) has((found) => +found.notAfter === Date.parse(notAfter));
      if (eku !== undefined) has((found) => found.ekuTpmEk === eku.includes('2.23.133.8.1'));
    });
  }

  for (const { path, expected } of bundles.filter(({ expected: { certs } }) => certs)) {
    it(`${path}: all ${expected.certs} are read`, () => {
      const certificates = certificatesOf(corpusBytes(path));
      assert.equal(certificates.length, expected.certs);
      certificates.forEach(parseEkCertificate);
    });
  }

  const quirks: [path: string, quirks: string[]][] = [
    ['hirs/nuc-1_ek_cert_untouched.cer', ['nv-wrapper', 'rsaes-oaep-key', 'no-subject']],
    ['hirs/ek_cert_with_padded_bytes.cer', ['trailing-bytes', 'rsaes-oaep-key', 'no-subject']],
    ['paccor/ek_cert_2187.der', ['no-eku']],
    ['tpm2/ek-rsa2048.crt', ['no-expiry']],
  ];
  for (const [path, expected] of quirks) {
    it(`ekcert/${path} has the quirks ${expected.join(', ')}`, () => {
      assert.deepEqual(parseEkCertificate(corpusBytes(`ekcert/${path}`)).quirks, expected);
    });
  }
});

describeCorpus('a real chain', () => {
  const first = (path: string) => certificatesOf(corpusBytes(path))[0] ?? new Uint8Array();
  const intermediates = [
    'ekca/keylime/STM_RSA_06I.pem',
    'ekcert/hirs/stMicroCaCerts_stmtpmekroot.crt',
  ];
  const roots = [first('ekca/keylime/GS_TPM_RT.pem')];
  const chain = (leaf: Uint8Array, now: string) =>
    validatePath({
      ...{ leaf, intermediates: intermediates.map(first), roots },
      ...{ now: new Date(now), kind: 'ek' },
    });
  const ek = parseEkCertificate(first('ekcert/immune/agent-ek.pem')).der;

  it("leads from an ST chip's EK through two intermediates to GlobalSign", () => {
    const verdict = chain(ek, '2026-11-22T00:00:00Z');
    assert.ok(verdict.ok, JSON.stringify(verdict));
    assert.equal(verdict.chain.length, 4);
  });

  it('names each certificate that has expired: CERT_EXPIRED', () => {
    const verdict = chain(ek, '2060-01-01T00:00:00Z');
    assert.ok(!verdict.ok);
    assert.deepEqual(
      verdict.findings.map(({ code }) => code),
      Array(4).fill('CERT_EXPIRED'),
    );
  });
});
