import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import {
  checkEkPublic,
  type EkCertificate,
  parseEkCertificate,
  validatePath,
} from '@touchstone/endorsement';
import {
  EK_POLICIES,
  EK_TEMPLATE_ECC_P256,
  parseTpm2bPublic,
  type TpmtPublic,
  type TpmtPublicEcc,
  type TpmtPublicRsa,
} from '@touchstone/tpm';
import { corpusIt } from '../../test/support/corpus.ts';
import { startSwtpm, type Swtpm } from '../../test/support/swtpm.ts';
import { makeCertificate } from './made-certificate.ts';
import { corpusBytes, throwsCode, throwsOnlyParseErrors } from './support.ts';

const run = promisify(execFile);

/** TCG EK Credential Profile 2.5, 3.2 asks for the first two; other readers stumble over them. */
const QUIRKS = ['critical-subject-alt-name', 'subject-directory-attributes', 'no-expiry'];

describe('the EK certificate of a software TPM', () => {
  let tpm: Swtpm;
  let bytes: Buffer;
  let certificate: EkCertificate;
  let ek: TpmtPublicRsa;
  let highRange: { readonly certificate: EkCertificate; readonly ek: TpmtPublicEcc };
  const tool = (name: string, ...args: string[]) =>
    run(`tpm2_${name}`, args, { env: { ...process.env, TPM2TOOLS_TCTI: tpm.tcti } });

  before(async function () {
    this.timeout(60_000);
    tpm = await startSwtpm();
    const file = (name: string) => join(tpm.stateDir, name);
    await tool('nvread', '-C', 'o', '-o', file('ek.crt'), '0x01c00002');
    await tool('readpublic', '-c', '0x81010001', '-f', 'tss', '-o', file('ek.pub'));
    bytes = await readFile(file('ek.crt'));
    const parsed = parseTpm2bPublic(await readFile(file('ek.pub')));
    assert.equal(parsed.type, 'rsa');
    ek = parsed;
    certificate = parseEkCertificate(bytes);

    await tool('nvread', '-C', 'o', '-o', file('ek384.crt'), '0x01c00016');
    await tool('readpublic', '-c', '0x81010016', '-f', 'tss', '-o', file('ek384.pub'));
    const ecc = parseTpm2bPublic(await readFile(file('ek384.pub')));
    assert.equal(ecc.type, 'ecc');
    highRange = { certificate: parseEkCertificate(await readFile(file('ek384.crt'))), ek: ecc };
  });

  after(() => tpm?.stop());

  const issuers = async () => {
    const pem = async (name: string) =>
      Buffer.from(
        (await readFile(join(tpm.caDir, name), 'latin1')).replace(/-----[^-]+-----|\s/g, ''),
        'base64',
      );
    return {
      intermediate: await pem('issuercert.pem'),
      root: await pem('swtpm-localca-rootca-cert.pem'),
    };
  };

  it('names the chip in a critical subjectAltName, and never expires', () => {
    assert.match(certificate.tpm.manufacturer ?? '', /^id:/);
    assert.equal(certificate.tpm.model, 'swtpm');
    assert.match(certificate.tpm.version ?? '', /^id:/);
    assert.equal(certificate.ekuTpmEk, true);
    assert.equal(certificate.notAfter.toISOString(), '9999-12-31T23:59:59.000Z');
    assert.equal(certificate.keyKind, 'RSA-2048');
    assert.deepEqual(certificate.quirks, QUIRKS);
  });

  it('leads to the root of its own CA when that is given', async () => {
    const { intermediate, root } = await issuers();
    const now = new Date();
    const input = { leaf: certificate, intermediates: [intermediate], now, kind: 'ek' } as const;
    const verdict = validatePath({ ...input, roots: [root] });
    assert.ok(verdict.ok, JSON.stringify(verdict));
    assert.deepEqual(verdict.root, new Uint8Array(root));
    assert.equal(verdict.chain.length, 3);
  });

  it('leads nowhere when that root is not given: EK_UNTRUSTED_ROOT', async () => {
    const { intermediate, root } = await issuers();
    const now = new Date();
    // Sent along as an intermediate, a root is trusted for nothing.
    const intermediates = [intermediate, root];
    const verdict = validatePath({ leaf: certificate, intermediates, roots: [], now, kind: 'ek' });
    assert.ok(!verdict.ok);
    assert.deepEqual(
      verdict.findings.map(({ code }) => code),
      ['EK_UNTRUSTED_ROOT'],
    );
  });

  it('is for the EK of that TPM, which is made from template L-1', () => {
    assert.deepEqual(checkEkPublic(ek, certificate), []);
  });

  corpusIt('is refused for another key (I5): EK_CERT_MISMATCH', () => {
    const other = parseEkCertificate(corpusBytes('ekcert/tpm2/ek-rsa2048.crt'));
    assert.deepEqual(codes(checkEkPublic(ek, other)), ['EK_CERT_MISMATCH']);
  });

  it('is there for the P-384 EK of the high range too, which is made from template H-3', async () => {
    const { certificate: leaf, ek: ecc } = highRange;
    assert.equal(leaf.keyKind, 'ECC P-384');
    assert.deepEqual(leaf.quirks, QUIRKS);
    assert.deepEqual(checkEkPublic(ecc, leaf), []);
    const { intermediate, root } = await issuers();
    const input = { intermediates: [intermediate], now: new Date(), kind: 'ek' } as const;
    assert.ok(validatePath({ ...input, leaf, roots: [root] }).ok);
  });

  it('of one kind is refused for the EK of the other: EK_CERT_MISMATCH', () => {
    assert.deepEqual(codes(checkEkPublic(ek, highRange.certificate)), ['EK_CERT_MISMATCH']);
    assert.deepEqual(codes(checkEkPublic(highRange.ek, certificate)), ['EK_CERT_MISMATCH']);
  });

  const highVariants: { why: string; code: string; change: (pub: TpmtPublicEcc) => TpmtPublic }[] =
    [
      {
        why: 'without userWithAuth, as the low range has it',
        code: 'EK_ATTRIBUTES',
        change: (pub) => ({ ...pub, objectAttributes: pub.objectAttributes & ~(1 << 6) }),
      },
      {
        why: 'with the policy of the low range',
        code: 'EK_ATTRIBUTES',
        change: (pub) => ({ ...pub, authPolicy: EK_POLICIES.sha256.a }),
      },
      {
        why: 'with a weaker symmetric key',
        code: 'EK_ALGORITHM',
        change: (pub) => ({
          ...pub,
          parameters: {
            ...pub.parameters,
            symmetric: { algorithm: 'aes', keyBits: 128, mode: 'cfb' },
          },
        }),
      },
      {
        why: 'with a scheme',
        code: 'EK_ALGORITHM',
        change: (pub) => ({
          ...pub,
          parameters: { ...pub.parameters, scheme: { scheme: 'ecdh', hash: 'sha256' } },
        }),
      },
      {
        why: 'whose point is padded further or less, hence another Name',
        code: 'EK_ALGORITHM',
        change: (pub) => ({
          ...pub,
          unique: { ...pub.unique, x: Uint8Array.from([0, ...pub.unique.x]) },
        }),
      },
    ];
  for (const { why, code, change } of highVariants) {
    it(`is refused for a P-384 EK ${why}: ${code}`, () => {
      const { certificate: leaf, ek: ecc } = highRange;
      assert.deepEqual(codes(checkEkPublic(change(ecc), leaf)), [code]);
    });
  }

  it('is refused for an EK of no template: EK_ALGORITHM', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
    const { n = '' } = publicKey.export({ format: 'jwk' });
    const parameters = { ...ek.parameters, keyBits: 3072 } as const;
    const other = { ...ek, parameters, unique: Buffer.from(n, 'base64url') };
    const withItsKey = { ...certificate, publicKey };
    assert.deepEqual(codes(checkEkPublic(other, withItsKey)), ['EK_ALGORITHM']);
  });

  const variants: { why: string; code: string; change: (pub: TpmtPublicRsa) => TpmtPublic }[] = [
    {
      why: 'that signs',
      code: 'EK_ATTRIBUTES',
      change: (pub) => ({ ...pub, objectAttributes: pub.objectAttributes | (1 << 18) }),
    },
    {
      why: 'that may leave its TPM',
      code: 'EK_ATTRIBUTES',
      change: (pub) => ({ ...pub, objectAttributes: pub.objectAttributes & ~(1 << 1) }),
    },
    {
      why: 'without its policy',
      code: 'EK_ATTRIBUTES',
      change: (pub) => ({ ...pub, authPolicy: new Uint8Array() }),
    },
    {
      why: 'with another name for its exponent, hence another Name',
      code: 'EK_ALGORITHM',
      change: (pub) => ({ ...pub, parameters: { ...pub.parameters, exponent: 65537 } }),
    },
    {
      why: 'with another nameAlg, hence another Name',
      code: 'EK_ALGORITHM',
      change: (pub) => ({ ...pub, nameAlg: 'sha384' }),
    },
  ];
  for (const { why, code, change } of variants) {
    it(`is refused for an EK ${why}: ${code}`, () => {
      assert.deepEqual(codes(checkEkPublic(change(ek), certificate)), [code]);
    });
  }

  it('is refused for an RSA-1024 EK: EK_WEAK', () => {
    const parameters = { ...ek.parameters, keyBits: 1024 } as const;
    const weak = { ...ek, parameters, unique: ek.unique.subarray(0, 128) };
    assert.ok(codes(checkEkPublic(weak, certificate)).includes('EK_WEAK'));
  });

  it('is read out of an NV index that is longer than it', () => {
    for (const filler of [0x00, 0xff]) {
      const padded = parseEkCertificate(Buffer.concat([bytes, Buffer.alloc(600, filler)]));
      assert.deepEqual(padded.der, certificate.der);
      assert.ok(padded.quirks.includes('trailing-bytes'));
    }
  });

  it('is read out of the wrapper of the PC Client specification', () => {
    const head = Buffer.from('1001000000' + '1002', 'hex');
    head.writeUInt16BE(bytes.length + 2, 3);
    const wrapped = parseEkCertificate(Buffer.concat([head, bytes, Buffer.alloc(10)]));
    assert.deepEqual(wrapped.der, certificate.der);
    assert.deepEqual(wrapped.quirks, ['nv-wrapper', ...QUIRKS]);
    head.writeUInt8(1, 2);
    throwsCode(() => parseEkCertificate(Buffer.concat([head, bytes])), 'BAD_NV_WRAPPER');
    throwsCode(() => parseEkCertificate(Buffer.from('10010000031002', 'hex')), 'TRUNCATED');
  });

  it('is refused when cut at any byte: TRUNCATED', () => {
    for (let length = 0; length < bytes.length; length++) {
      throwsCode(() => parseEkCertificate(bytes.subarray(0, length)), 'TRUNCATED');
    }
  });

  it('is read or refused, and never crashes the reader, with any byte changed', () => {
    for (let offset = 0; offset < bytes.length; offset++) {
      for (const change of [0x01, 0x80, 0xff]) {
        const flipped = Uint8Array.from(bytes);
        flipped[offset] = (flipped[offset] ?? 0) ^ change;
        throwsOnlyParseErrors(() => parseEkCertificate(flipped));
      }
    }
  });

  it('leads nowhere with any bit of its signed part changed', async () => {
    const { intermediate, root } = await issuers();
    fc.assert(
      fc.property(fc.nat(certificate.der.length * 8 - 1), (bit) => {
        const flipped = Uint8Array.from(certificate.der);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        let ok = false;
        throwsOnlyParseErrors(() => {
          ok = validatePath({
            ...{ leaf: flipped, intermediates: [intermediate], roots: [root] },
            ...{ now: new Date(), kind: 'ek' },
          }).ok;
        });
        assert.equal(ok, false);
      }),
      { numRuns: 300 },
    );
  });
});

it('a P-256 EK of template L-2 is taken, with points of full width only', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const unique = { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
  const made = makeCertificate('ek', { keys: generateKeyPairSync('ec', { namedCurve: 'P-256' }) });
  const certificate = { ...parseEkCertificate(made.der), publicKey };
  const ek = { ...EK_TEMPLATE_ECC_P256, unique };
  assert.deepEqual(checkEkPublic(ek, certificate), []);
  const padded = { ...unique, y: Buffer.concat([Buffer.alloc(1), unique.y]) };
  assert.deepEqual(codes(checkEkPublic({ ...ek, unique: padded }, certificate)), ['EK_ALGORITHM']);
});

it('bytes that are no certificate make a ParseError and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      throwsOnlyParseErrors(() => parseEkCertificate(noise));
    }),
  );
  throwsCode(() => parseEkCertificate(new Uint8Array(70_000)), 'TOO_LARGE');
});

const codes = (problems: readonly { readonly code: string }[]) => problems.map(({ code }) => code);
