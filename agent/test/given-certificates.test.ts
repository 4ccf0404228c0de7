import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EK_TEMPLATE_ECC_P256, EK_TEMPLATE_RSA2048 } from '@touchstone/tpm';
import { makeCertificate, nvWrapped } from '../../test/support/made-certificate.ts';
import { readGivenCertificates, writeGivenCertificates } from '../state/given-certificates.ts';
import { certificateAddressOf } from '../tpm/certificate-address.ts';
import { readCertificateFiles } from '../tpm/certificate-files.ts';

describe('certificates of an EK that somebody brings', () => {
  let dir: string;
  const [leaf, issuer] = [makeCertificate('An EK'), makeCertificate('Its issuer')];
  const chain = [leaf.der, issuer.der].map((der) => Buffer.from(der));
  const pem = (der: Uint8Array) =>
    `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
  const base64Url = `${Buffer.from(leaf.der).toString('base64url')}%3D`;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-given-'));
  });
  after(() => rm(dir, { recursive: true }));

  const read = async (...contents: readonly (Uint8Array | string)[]) => {
    const paths = contents.map((_, at) => join(dir, `file-${at}`));
    await Promise.all(contents.map((content, at) => writeFile(paths[at] ?? '', content)));
    return (await readCertificateFiles(paths)).map((der) => Buffer.from(der));
  };

  for (const [what, contents, expected] of [
    ['in DER', [leaf.der], chain.slice(0, 1)],
    ['in PEM, with its chain', [pem(leaf.der) + pem(issuer.der)], chain],
    ['in DER, with its chain behind it', [Buffer.concat(chain)], chain],
    ['in several files', [leaf.der, pem(issuer.der)], chain],
    ['as an NV index held it', [nvWrapped(leaf.der)], chain.slice(0, 1)],
    [
      'as Intel’s service answers',
      [JSON.stringify({ pubhash: 'x', certificate: base64Url })],
      chain.slice(0, 1),
    ],
  ] as const) {
    it(`are read ${what}`, async () => assert.deepEqual(await read(...contents), expected));
  }

  for (const [what, content] of [
    ['nothing', ''],
    ['noise', 'none'],
    ['half a certificate', leaf.der.subarray(0, 100)],
    ['other JSON', '{"certificate": 7}'],
    ['JSON that is none', '{'],
    ['more than any chain', Buffer.alloc(70_000, 0x30)],
  ] as const) {
    it(`are refused, and the file is named, where there is ${what}: EK_CERTIFICATE_FILE`, async () => {
      await assert.rejects(read(content), { code: 'EK_CERTIFICATE_FILE', detail: /file-0: / });
    });
  }

  it('are refused where there is no file, or too many certificates: EK_CERTIFICATE_FILE', async () => {
    const missing = readCertificateFiles([join(dir, 'none')]);
    await assert.rejects(missing, { code: 'EK_CERTIFICATE_FILE' });
    await assert.rejects(read(pem(leaf.der).repeat(17)), { code: 'EK_CERTIFICATE_FILE' });
  });

  it('are kept in the state directory, the last that were given', async () => {
    assert.deepEqual(await readGivenCertificates(dir), []);
    await writeGivenCertificates(dir, chain);
    await writeGivenCertificates(dir, [issuer.der]);
    const kept = (await readGivenCertificates(dir)).map((der) => Buffer.from(der));
    assert.deepEqual(kept, [Buffer.from(issuer.der)]);
  });
});

describe('where a maker publishes the certificate of an EK', () => {
  /** The EK of the public integration test of tpm2-tools, whose address others know too. */
  const INTEL_MODULUS =
    'c320e2f244a8601aacf3e01d26c665249935562de1da197e9e7f076c469613cfb653e98ec2c386fc1d133f2c8c6cc338b732f0b208bd838a' +
    '877a3e5bbc3e1d4084e835c7c8906a1c05b4d2d30fdbebc1dbad950fa6b165bd4b6a864603146164c0c4f59d489011ef1f928deea6e90061' +
    'f3d375e5646273151ef622252098be1a4ab01dc0a12227c609fdaceb115af408d4693a6f49919774695b0c12bc18a1ff7120a7337b2fb5f1' +
    '951d8bb7f094d5b554c11c9523b30729fe64787d0a13b9e630488dab4dfd86634a5270ec72fcc5a44dc679a8f32938dd8197e29dae839f5b' +
    '4ca0f5de27c9522c23c54e1c2ce57859525118bd4470b18180eef78ae4267bcd';
  const rsa = { ...EK_TEMPLATE_RSA2048, unique: Buffer.from(INTEL_MODULUS, 'hex') };

  it('is for Intel’s the one that is known of a public EK', () => {
    const address = certificateAddressOf('INTC', rsa);
    assert.equal(
      address,
      'https://ekop.intel.com/ekcertservice/WVEG2rRwkQ7m3RpXlUphgo6Y2HLxl18h6ZZkkOAdnBE%3D',
    );
  });

  it('is for AMD’s of sixteen bytes, for each kind of EK another', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    const unique = { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
    for (const ek of [rsa, { ...EK_TEMPLATE_ECC_P256, unique }]) {
      const address = certificateAddressOf('AMD', ek) ?? '';
      assert.match(address, /^https:\/\/ftpm\.amd\.com\/pki\/aia\/[0-9A-F]{32}$/u);
    }
  });

  it('is nowhere for the others, whatever they call themselves', () => {
    for (const maker of ['STM', '', 'https://169.254.169.254/']) {
      assert.equal(certificateAddressOf(maker, rsa), undefined);
    }
  });
});
