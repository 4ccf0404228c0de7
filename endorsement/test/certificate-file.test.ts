import assert from 'node:assert/strict';
import fc from 'fast-check';
import { certificatesOfFile, parseIssuerCertificate } from '@touchstone/endorsement';
import { makeCertificate } from './made-certificate.ts';
import { throwsCode, throwsOnlyParseErrors, toPem } from './support.ts';

const { der } = makeCertificate('one');
const other = makeCertificate('two').der;
const pem = toPem(der);
const read = (text: string) => certificatesOfFile(Buffer.from(text, 'latin1'));
const plain = (list: readonly Uint8Array[]) => list.map((bytes) => Buffer.from(bytes));

describe('a file of certificates', () => {
  it('is PEM with any text around its blocks, in any line form', () => {
    const text = ` 0 s:CN=one\r\n${pem.replaceAll('\n', '\r\n')}\nmore\n${toPem(other)}`;
    assert.deepEqual(plain(read(text)), plain([der, other]));
    assert.deepEqual(plain(read(pem.replaceAll('CERTIFICATE', 'X509 CERTIFICATE'))), plain([der]));
    assert.deepEqual(plain(read(`0 ${pem}`)), plain([der]));
  });

  it('is its own bytes where there is no PEM, though they hold the words of it', () => {
    for (const bytes of [der, Uint8Array.of(0x10, 0x01, 0), new Uint8Array()]) {
      assert.deepEqual(certificatesOfFile(bytes), [bytes]);
    }
    const named = makeCertificate('-----BEGIN CERTIFICATE-----').der;
    assert.deepEqual(certificatesOfFile(named), [named]);
  });

  it('leaves aside what is no certificate', () => {
    const key = pem.replaceAll('CERTIFICATE', 'PUBLIC KEY');
    assert.deepEqual(plain(read(key + pem)), plain([der]));
    throwsCode(() => read(key), 'PEM_MALFORMED');
  });

  for (const [why, text] of [
    ['without an end', pem.replace('-----END', '')],
    ['with the end of something else', pem.replace('END CERT', 'END X509 CERT')],
    ['that is empty', toPem(new Uint8Array())],
    ['with a letter too many', pem.replace('\n-----END', 'A\n-----END')],
    ['with what is no base64', pem.replace('MII', 'M*I')],
    ['within a block', pem.replace('-----END', `${pem}-----END`)],
  ] as const) {
    it(`is refused with a block ${why}: PEM_MALFORMED`, () => {
      throwsCode(() => read(text), 'PEM_MALFORMED');
      throwsCode(() => read(pem + text), 'PEM_MALFORMED');
    });
  }

  it('makes a ParseError and nothing else, whatever is in it', () => {
    const part = fc.constantFrom(
      '-----BEGIN CERTIFICATE-----',
      '-----END CERTIFICATE-----',
      'MIIB',
      '\n',
      '=',
      '-',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        throwsOnlyParseErrors(() => read(parts.join('')));
      }),
    );
  });
});

describe('a certificate of a collection', () => {
  const root = makeCertificate('root');
  const isSelfSigned = (certificate: Uint8Array) => parseIssuerCertificate(certificate).selfSigned;

  it('is a root if it has its own name and its own signature', () => {
    assert.equal(isSelfSigned(root.der), true);
    assert.equal(isSelfSigned(makeCertificate('ca', { issuer: root }).der), false);
  });

  it('is no root if another key of its name signed it', () => {
    assert.equal(isSelfSigned(makeCertificate('root', { signer: root }).der), false);
  });

  it('is cut at its own length', () => {
    assert.deepEqual(
      parseIssuerCertificate(Buffer.concat([root.der, Buffer.alloc(9)])).der,
      root.der,
    );
  });

  it('is refused where anything that a path looks at is malformed: BAD_DER', () => {
    for (const oid of ['2.5.29.14', '2.5.29.15', '2.5.29.19', '2.5.29.35', '2.5.29.37']) {
      const extensions = [{ oid, critical: false, value: Uint8Array.of(5, 0) }];
      throwsCode(() => isSelfSigned(makeCertificate('root', { extensions }).der), 'BAD_DER');
    }
  });
});
