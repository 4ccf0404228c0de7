import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type EkCertificate, parseCertificate } from '@touchstone/endorsement';
import { parseEkCertificate, validatePath } from '@touchstone/endorsement';
import { describeCorpus } from '../../test/support/corpus.ts';
import { certificatesOf, corpusBytes } from './support.ts';

/** What other libraries made of a file. Of several certificates in one, one is described. */
type Expected = {
  readonly openssl: 'ok' | 'reject';
  readonly sha256fp: string | null;
  readonly subject?: string;
  readonly issuer?: string;
  readonly serial?: string;
  readonly notAfter?: string;
  readonly keyType?: string;
  readonly critical?: readonly string[];
  readonly eku?: readonly string[];
};
type Entry = { readonly kind: string; readonly path: string; readonly expected: Expected };
type Bundle = Omit<Entry, 'expected'> & { readonly expected: { readonly certs: number } };

/** Files whose verdict here is another than the manifest's, and why. There is no more of them. */
const EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ['ekcert/hirs/nuc-1_ek_cert_untouched.cer', 'is read: openssl does not know the NV wrapper'],
]);

describeCorpus('real EK and CA certificates', () => {
  const manifest = JSON.parse(corpusBytes('manifest.json').toString('utf8')) as unknown[];
  const entries = (manifest as Entry[]).filter(({ kind }) => /^ek-(cert|ca)$/.test(kind));
  const bundles = (manifest as Bundle[]).filter(({ kind }) => kind === 'ek-ca-bundle');

  it('are there', () => assert.ok(entries.length >= 110));

  for (const { path, expected } of entries) {
    const exception = EXCEPTIONS.get(path);
    if (exception !== undefined) {
      it(`${path} ${exception}`, () => {
        assert.equal(expected.openssl, 'reject');
        parseEkCertificate(corpusBytes(path));
      });
    } else if (expected.openssl === 'reject') {
      it(`${path} is refused`, () => {
        assert.throws(() => certificatesOf(corpusBytes(path)).map(parseEkCertificate), {
          name: 'ParseError',
        });
      });
    } else {
      it(`${path} is read as others read it`, () => {
        const read = certificatesOf(corpusBytes(path)).map(parseEkCertificate);
        const found = read.find(({ der }) => fingerprintOf(der) === expected.sha256fp);
        assert.ok(found, 'no certificate of that fingerprint');
        assertDescribed(found, expected);
      });
    }
  }

  for (const { path, expected } of bundles) {
    it(`${path}: of its certificates all ${expected.certs} are read`, () => {
      const certificates = certificatesOf(corpusBytes(path));
      if (expected.certs === 0) assert.throws(() => certificates.map(parseEkCertificate));
      else assert.equal(certificates.map(parseEkCertificate).length, expected.certs);
    });
  }

  const SAN = 'critical-subject-alt-name';
  const SDA = 'subject-directory-attributes';
  const ST_2014 = ['rsaes-oaep-key', 'sha1-signature', 'no-subject', SAN, SDA];
  const quirks: [path: string, quirks: string[]][] = [
    ['hirs/ab21ccf2-tpmcert.pem', ST_2014],
    ['hirs/nuc-1_ek_cert_untouched.cer', ['nv-wrapper', ...ST_2014]],
    [
      'hirs/ek_cert_with_padded_bytes.cer',
      [
        ...['trailing-bytes', 'unordered-name', 'rsaes-oaep-key', 'sha1-signature', 'no-subject'],
        ...[SAN, 'no-authority-key-id'],
      ],
    ],
    ['immune/agent-ek.pem', ['no-subject', SAN, SDA]],
    ['paccor/ek.cer', ST_2014],
    ['paccor/ek.crt', ['no-subject', SAN, SDA]],
    ['paccor/ek_cert_2187.der', ['short-key', SAN, SDA, 'no-eku']],
    ['tpm2/ek-rsa2048.crt', [SAN, SDA, 'no-expiry']],
  ];
  for (const [path, expected] of quirks) {
    it(`ekcert/${path} has the quirks ${expected.join(', ')} (I16, I17)`, () => {
      const [first = new Uint8Array()] = certificatesOf(corpusBytes(`ekcert/${path}`));
      assert.deepEqual(parseEkCertificate(first).quirks, expected);
    });
  }
});

const fingerprintOf = (der: Uint8Array) => createHash('sha256').update(der).digest('hex');

/** Whatever the manifest says of a certificate, our reader says too. */
function assertDescribed(found: EkCertificate, expected: Expected): void {
  const { subject, issuer, serial, notAfter, keyType, critical, eku } = expected;
  if (subject !== undefined) assert.equal(found.subject, subject);
  if (issuer !== undefined) assert.equal(found.issuer, issuer);
  if (serial !== undefined) assert.equal(BigInt(`0x${found.serial}`), BigInt(`0x${serial}`));
  if (notAfter !== undefined) assert.equal(+found.notAfter, Date.parse(notAfter));
  if (keyType !== undefined) {
    assert.match(found.keyKind, keyType === 'RSAPublicKey' ? /^RSA-/ : /^ECC P-/);
  }
  if (critical !== undefined) {
    const extensions = [...parseCertificate(found.der).extensions.values()];
    assert.deepEqual(
      extensions.filter((extension) => extension.critical).map(({ oid }) => oid),
      critical,
    );
  }
  if (eku !== undefined) assert.equal(found.ekuTpmEk, eku.includes('2.23.133.8.1'));
}

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

  it('ends with the chip’s own certificate, and not with those above it: CERT_EXPIRED', () => {
    const verdict = chain(ek, '2060-01-01T00:00:00Z');
    assert.ok(!verdict.ok);
    assert.deepEqual(
      verdict.findings.map(({ code }) => code),
      ['CERT_EXPIRED'],
    );
  });
});
