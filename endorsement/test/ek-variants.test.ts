import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  encodeCertificate,
  type EncodedExtension,
  encodeName,
  encodeTbsCertificate,
  parseEkCertificate,
  validatePath,
} from '@touchstone/endorsement';
import { ParseError } from '@touchstone/tpm';
import { contextConstructed, contextPrimitive, DER } from '../der-reader.ts';
import { derOf, encodeOid, encodeText, encodeTime } from '../der-writer.ts';
import {
  authorityKeyId,
  ca,
  CERT_SIGN,
  extendedUsage,
  type Made,
  makeCertificate,
  notCa,
  NOW,
  subjectKeyId,
} from './made-certificate.ts';
import { throwsCode } from './support.ts';

const run = promisify(execFile);
const EK_USAGE = extendedUsage('2.23.133.8.1');
const CONFIG = `
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[ek]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = 2.23.133.8.1
authorityKeyIdentifier = keyid
`;

const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey;
const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength }).privateKey;
const pss = () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey;

/** Issuers as openssl makes them; what is told of the EK certificate that each signs, '' for nothing. */
const ISSUERS: readonly (readonly [string, () => KeyObject, readonly string[], string])[] = [
  ['RSA-2048, SHA-256', () => rsa(2048), ['-sha256'], ''],
  ['RSA-3072, SHA-384', () => rsa(3072), ['-sha384'], ''],
  ['RSA-4096, SHA-512', () => rsa(4096), ['-sha512'], ''],
  ['RSA-2048, SHA3-256', () => rsa(2048), ['-sha3-256'], ''],
  ['RSA-1024, SHA-256', () => rsa(1024), ['-sha256'], 'CERT_SIGNATURE_WEAK'],
  ['RSA-2048, SHA-1', () => rsa(2048), ['-sha1'], 'CERT_SIGNATURE_WEAK'],
  ['RSA-2048, SHA-224', () => rsa(2048), ['-sha224'], 'CERT_SIGNATURE_UNSUPPORTED'],
  [
    ...(['RSA-2048, PSS', () => rsa(2048)] as const),
    ['-sha256', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:-1'],
    '',
  ],
  [...(['a key for PSS alone', pss] as const), ['-sha384', '-sigopt', 'rsa_pss_saltlen:32'], ''],
  ['P-224', () => ec('secp224r1'), ['-sha256'], 'CERT_SIGNATURE_WEAK'],
  ['P-256, SHA-256', () => ec('P-256'), ['-sha256'], ''],
  ['P-384, SHA-384', () => ec('P-384'), ['-sha384'], ''],
  ['P-521, SHA-512', () => ec('P-521'), ['-sha512'], ''],
  ['P-384, SHA3-384', () => ec('P-384'), ['-sha3-384'], ''],
  ['brainpoolP256r1', () => ec('brainpoolP256r1'), ['-sha256'], ''],
  ['brainpoolP384r1', () => ec('brainpoolP384r1'), ['-sha384'], ''],
  ['secp256k1', () => ec('secp256k1'), ['-sha256'], 'CERT_SIGNATURE_WEAK'],
  ['SM2, SM3', () => ec('SM2'), ['-sm3'], 'CERT_SIGNATURE_UNSUPPORTED'],
  ['Ed25519', () => generateKeyPairSync('ed25519').privateKey, [], 'KEY_UNSUPPORTED'],
];

describe('an EK certificate that openssl made', () => {
  let dir: string;
  const file = (name: string) => join(dir, name);
  const der = async (name: string) => {
    await run('openssl', [
      'x509',
      '-in',
      file(name),
      '-outform',
      'DER',
      '-out',
      file(`${name}.der`),
    ]);
    return readFile(file(`${name}.der`));
  };

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'touchstone-variants-'));
    await writeFile(file('config'), `[req]\ndistinguished_name = name\n[name]\n${CONFIG}`);
    const key = ec('P-256').export({ format: 'pem', type: 'pkcs8' });
    await writeFile(file('ek.key'), key);
    const name = ['-subj', '/CN=EK', '-config', file('config')];
    await run('openssl', ['req', '-new', '-key', file('ek.key'), ...name, '-out', file('ek.csr')]);
  });
  after(() => rm(dir, { recursive: true, force: true }));

  for (const [what, keyOf, digest, code] of ISSUERS) {
    it(`below an issuer of ${what} is ${code === '' ? 'taken' : `refused: ${code}`}`, async () => {
      await writeFile(file('ca.key'), keyOf().export({ format: 'pem', type: 'pkcs8' }));
      const self = ['-subj', '/CN=CA', '-config', file('config'), '-extensions', 'ca'];
      await run('openssl', [
        ...['req', '-x509', '-new', '-key', file('ca.key'), '-days', '1', ...digest, ...self],
        ...['-out', file('ca.crt')],
      ]);
      await run('openssl', [
        ...['x509', '-req', '-in', file('ek.csr'), '-CA', file('ca.crt'), '-CAkey', file('ca.key')],
        ...['-set_serial', '7', '-days', '1', ...digest],
        ...['-extfile', file('config'), '-extensions', 'ek', '-out', file('ek.crt')],
      ]);
      assert.equal(await codesOf(await der('ek.crt'), [await der('ca.crt')], new Date()), code);
    });
  }

  it('with a key whose curve is spelt out is refused: KEY_UNSUPPORTED', async () => {
    const spelt = ['-name', 'prime256v1', '-genkey', '-noout', '-param_enc', 'explicit'];
    await run('openssl', ['ecparam', ...spelt, '-out', file('spelt.key')]);
    await run('openssl', [
      ...['req', '-x509', '-new', '-key', file('spelt.key'), '-days', '1', '-subj', '/CN=EK'],
      ...['-config', file('config'), '-extensions', 'ek', '-out', file('spelt.crt')],
    ]);
    const bytes = await der('spelt.crt');
    throwsCode(() => parseEkCertificate(bytes), 'KEY_UNSUPPORTED');
  });
});

async function codesOf(leaf: Uint8Array, roots: readonly Uint8Array[], now: Date): Promise<string> {
  try {
    const verdict = validatePath({ leaf, intermediates: [], roots, now, kind: 'ek' });
    return verdict.ok ? '' : verdict.findings.map(({ code }) => code).join();
  } catch (error) {
    if (error instanceof ParseError) return error.code;
    throw error;
  }
}

const root = makeCertificate('root');
const CN = '2.5.4.3';
const nameIn = (tag: number, bytes: Uint8Array) =>
  derOf(DER.sequence, derOf(DER.set, derOf(DER.sequence, encodeOid(CN), derOf(tag, bytes))));
const subjectOf = (tag: number, bytes: Uint8Array) =>
  parseEkCertificate(
    makeCertificate('x', { issuer: root, extensions: [notCa], subject: nameIn(tag, bytes) }).der,
  ).subject;

describe('a name in another type of string', () => {
  const utf32 = (text: string) =>
    Buffer.concat(
      Array.from(text, (character) => {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32BE(character.codePointAt(0) ?? 0);
        return bytes;
      }),
    );
  const types: readonly (readonly [string, number, Buffer, string])[] = [
    ['TeletexString', DER.teletexString, Buffer.from('caf\u00e9', 'latin1'), 'caf\u00e9'],
    ['BMPString', DER.bmpString, Buffer.from('caf\u00e9', 'utf16le').swap16(), 'caf\u00e9'],
    ['UniversalString', DER.universalString, utf32('caf\u00e9 \u{1f511}'), 'caf\u00e9 \u{1f511}'],
    ['IA5String', DER.ia5String, Buffer.from('tpm'), 'tpm'],
    ['NumericString', DER.numericString, Buffer.from('0042'), '0042'],
    ['VisibleString', DER.visibleString, Buffer.from('tpm'), 'tpm'],
  ];
  for (const [what, tag, bytes, text] of types) {
    it(`is read: ${what}`, () => assert.equal(subjectOf(tag, bytes), `CN=${text}`));
  }

  for (const [what, tag, bytes] of [
    ['half a character of a BMPString', DER.bmpString, Buffer.from([0x00, 0x41, 0x42])],
    ['half a character of a UniversalString', DER.universalString, Buffer.alloc(5)],
    ['no character of Unicode', DER.universalString, Buffer.from('00110000', 'hex')],
    ['half a pair', DER.universalString, Buffer.from('0000d800', 'hex')],
    ['no UTF-8', DER.utf8String, Buffer.from('c328', 'hex')],
    ['a type that is no text', DER.octetString, Buffer.from('41')],
  ] as const) {
    it(`is refused where it is ${what}: BAD_CERTIFICATE`, () => {
      throwsCode(() => subjectOf(tag, bytes), 'BAD_CERTIFICATE');
    });
  }
});

/** A certificate with some of its bytes written otherwise, and signed so. */
function rewritten(change: (tbs: Buffer) => Uint8Array, extensions: readonly EncodedExtension[]) {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const tbs = encodeTbsCertificate({
    serial: Uint8Array.of(0x41),
    signatureAlgorithm: 'ecdsa-sha256',
    issuer: encodeName({ commonName: 'root' }),
    subject: encodeName({ commonName: 'ek' }),
    notBefore: new Date(NOW.getTime() - 1000),
    notAfter: new Date('2049-12-31T23:59:59Z'),
    spki: publicKey.export({ format: 'der', type: 'spki' }),
    extensions,
  });
  const changed = change(Buffer.from(tbs));
  return encodeCertificate(changed, 'ecdsa-sha256', sign('sha256', changed, root.key));
}

/** The same TBSCertificate with one element in another one's place. */
const replacing = (old: Uint8Array, by: Uint8Array) => (tbs: Buffer) => {
  const at = tbs.indexOf(old);
  assert.ok(at > 0);
  const header = tbs[1] === 0x82 ? 4 : tbs[1] === 0x81 ? 3 : 2;
  const parts = [tbs.subarray(header, at), by, tbs.subarray(at + old.length)];
  return derOf(DER.sequence, ...parts);
};

describe('a certificate whose encoding is odd', () => {
  const serial = (hex: string) =>
    replacing(Buffer.from('020141', 'hex'), derOf(DER.integer, Buffer.from(hex, 'hex')));
  for (const [what, hex, quirks] of [
    ['negative', 'bf', ['negative-serial']],
    ['of 21 octets', `41${'00'.repeat(20)}`, ['long-serial']],
    ['zero', '00', []],
    ['with octets too many', '00000041', ['padded-serial']],
    ['negative with octets too many', 'ffffbf', ['negative-serial', 'padded-serial']],
  ] as const) {
    it(`is read with a serial number ${what}: ${quirks.join() || 'nothing to note'}`, () => {
      const der = rewritten(serial(hex), [notCa, EK_USAGE, authorityKeyId(Uint8Array.of(1))]);
      assert.deepEqual(parseEkCertificate(der).quirks, quirks);
      const path = { leaf: der, intermediates: [], roots: [root], now: NOW, kind: 'ek' } as const;
      assert.equal(validatePath(path).ok, true);
    });
  }

  const began = encodeTime(new Date(NOW.getTime() - 1000));
  const until = (tag: number, text: string) => derOf(DER.sequence, began, encodeText(tag, text));
  const usual = until(DER.utcTime, '491231235959Z');
  const times: readonly (readonly [string, number, string, string])[] = [
    ['a GeneralizedTime before 2050', DER.generalizedTime, '20491231235959Z', ''],
    ['99991231235959Z', DER.generalizedTime, '99991231235959Z', ''],
    [
      'a GeneralizedTime with fractions',
      DER.generalizedTime,
      '20491231235959.5Z',
      'BAD_CERTIFICATE',
    ],
    [
      'a GeneralizedTime in another zone',
      DER.generalizedTime,
      '20491231235959+0100',
      'BAD_CERTIFICATE',
    ],
    ['a GeneralizedTime without a zone', DER.generalizedTime, '20491231235959', 'BAD_CERTIFICATE'],
    ['a UTCTime without seconds', DER.utcTime, '4912312359Z', 'BAD_CERTIFICATE'],
    ['30 February', DER.utcTime, '490230235959Z', 'BAD_CERTIFICATE'],
    ['a second too many', DER.utcTime, '491231235960Z', 'BAD_CERTIFICATE'],
    ['a time that is no time type', DER.ia5String, '491231235959Z', 'BAD_CERTIFICATE'],
  ];
  for (const [what, tag, text, code] of times) {
    it(`${code === '' ? 'is read' : 'is refused'} with ${what}${code && `: ${code}`}`, () => {
      const der = rewritten(replacing(usual, until(tag, text)), [notCa]);
      if (code === '') parseEkCertificate(der);
      else throwsCode(() => parseEkCertificate(der), code);
    });
  }

  const value = (oid: string, bytes: Uint8Array): EncodedExtension => ({
    ...{ oid, critical: false },
    value: bytes,
  });
  for (const [what, extensions, code] of [
    ['an extension twice', [notCa, notCa], 'DUPLICATE_EXTENSION'],
    ['an empty extKeyUsage', [value('2.5.29.37', derOf(DER.sequence))], 'TRUNCATED'],
    ['an extension of no bytes', [value('2.5.29.37', new Uint8Array())], 'BAD_DER'],
    ['a subjectAltName that is no sequence', [value('2.5.29.17', derOf(DER.null))], 'BAD_DER'],
    [
      'two makers',
      [
        value(
          '2.5.29.17',
          derOf(
            DER.sequence,
            derOf(
              contextConstructed(4),
              derOf(
                DER.sequence,
                ...['id:494E5443', 'id:414D4400'].map((maker) =>
                  derOf(
                    DER.set,
                    derOf(
                      DER.sequence,
                      encodeOid('2.23.133.2.1'),
                      encodeText(DER.utf8String, maker),
                    ),
                  ),
                ),
              ),
            ),
          ),
        ),
      ],
      'BAD_CERTIFICATE',
    ],
  ] as const) {
    it(`is refused with ${what}: ${code}`, () => {
      throwsCode(() => parseEkCertificate(rewritten((tbs) => tbs, extensions)), code);
    });
  }

  it('is refused in the indefinite lengths of BER: BAD_DER', () => {
    const der = rewritten((tbs) => tbs, [notCa]);
    const contents = Buffer.from(der).subarray(4);
    const ber = Buffer.concat([Buffer.from('3080', 'hex'), contents, Buffer.from('0000', 'hex')]);
    throwsCode(() => parseEkCertificate(ber), 'BAD_DER');
  });
});

describe('C9 the issuers of a certificate', () => {
  const id = (number: number) => Uint8Array.of(number);
  const named = (name: string, key: number, issuer?: Made) =>
    makeCertificate(name, {
      ...(issuer === undefined ? {} : { issuer }),
      extensions: [ca(), CERT_SIGN, subjectKeyId(id(key))],
    });
  const leafBelow = (issuer: Made, ...more: EncodedExtension[]) =>
    makeCertificate('leaf', { issuer, extensions: [notCa, EK_USAGE, ...more] });
  const chainOf = (leaf: Made, intermediates: readonly Made[], roots: readonly Made[]) => {
    const verdict = validatePath({ leaf, intermediates, roots, now: NOW, kind: 'ek' });
    return verdict.ok ? verdict.chain.map((der) => Buffer.from(der).toString('hex')) : [];
  };
  const hexOf = (...some: readonly Made[]) =>
    some.map(({ der }) => Buffer.from(der).toString('hex'));

  it('are found among two of one name by the key that signed, with no identifier at all', () => {
    const [one, other] = [makeCertificate('twin'), makeCertificate('twin')];
    const leaf = leafBelow(other);
    assert.deepEqual(chainOf(leaf, [], [one, other]), hexOf(leaf, other));
  });

  it('are found where the identifier is issuer and serial number alone, even another’s', () => {
    const [one, other] = [named('twin', 1), named('twin', 2)];
    const byName: EncodedExtension = {
      oid: '2.5.29.35',
      critical: false,
      value: derOf(
        DER.sequence,
        derOf(contextConstructed(1), derOf(contextConstructed(4), encodeName({ commonName: 'x' }))),
        derOf(contextPrimitive(2), Uint8Array.of(9)),
      ),
    };
    const leaf = leafBelow(other, byName);
    assert.deepEqual(chainOf(leaf, [], [one, other]), hexOf(leaf, other));
  });

  it('may have signed each other, each under a root: a path is found and the search ends', () => {
    const [left, right] = [named('left', 1), named('right', 2)];
    const cross = (subject: Made, by: Made) =>
      makeCertificate(subject.name, {
        ...{ issuer: by, extensions: [ca(), CERT_SIGN] },
        keys: { publicKey: publicOf(subject), privateKey: subject.key },
      });
    const loop = [cross(left, right), cross(right, left)];
    const leaf = leafBelow(left);
    assert.deepEqual(chainOf(leaf, loop, [left]), hexOf(leaf, left));
    assert.equal(chainOf(leaf, loop, [right]).length, 3);
    assert.deepEqual(chainOf(leaf, loop, [makeCertificate('left')]), []);
  });

  it('may be six between leaf and root, and no more', () => {
    const build = (count: number) => {
      const issuers = [makeCertificate('top')];
      for (let at = 0; at < count; at += 1) {
        issuers.push(makeCertificate(`link ${at}`, { issuer: issuers[at] ?? root }));
      }
      const [top = root, ...links] = issuers;
      return chainOf(leafBelow(links.at(-1) ?? top), links, [top]).length;
    };
    assert.equal(build(6), 8);
    assert.equal(build(7), 0);
  });
});

const publicOf = ({ key }: Made): KeyObject => {
  const { kty = '', crv = '', x = '', y = '' } = key.export({ format: 'jwk' });
  return createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' });
};
