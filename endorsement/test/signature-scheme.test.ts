import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseEkCertificate, validatePath } from '@touchstone/endorsement';

const run = promisify(execFile);
const RSA = ['-newkey', 'rsa:2048'];
const PSS_KEY = ['-newkey', 'rsa-pss', '-pkeyopt', 'rsa_keygen_bits:2048'];
const curve = (name: string) => ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${name}`];
const pss = (...options: string[]) =>
  ['rsa_padding_mode:pss', ...options].flatMap((option) => ['-sigopt', option]);
const FULL_SALT = 'rsa_pss_saltlen:digest';

type Row = {
  readonly what: string;
  readonly key: readonly string[];
  readonly sign: readonly string[];
  readonly code?: string;
  readonly quirks?: readonly string[];
};

const ROWS: readonly Row[] = [
  { what: 'RSASSA with SHA-256', key: RSA, sign: ['-sha256'] },
  { what: 'RSASSA with SHA-384', key: RSA, sign: ['-sha384'] },
  { what: 'RSASSA with SHA-512', key: RSA, sign: ['-sha512'] },
  { what: 'RSASSA with SHA3-256', key: RSA, sign: ['-sha3-256'] },
  { what: 'RSASSA-PSS with SHA-256', key: RSA, sign: ['-sha256', ...pss(FULL_SALT)] },
  { what: 'RSASSA-PSS with SHA-384', key: RSA, sign: ['-sha384', ...pss(FULL_SALT)] },
  { what: 'RSASSA-PSS with SHA-512', key: RSA, sign: ['-sha512', ...pss(FULL_SALT)] },
  {
    what: 'RSASSA-PSS with the longest salt',
    key: RSA,
    sign: ['-sha256', ...pss('rsa_pss_saltlen:max')],
  },
  {
    what: 'RSASSA-PSS by a key that is for it alone',
    key: PSS_KEY,
    sign: ['-sha256', ...pss(FULL_SALT)],
  },
  {
    what: 'RSASSA-PSS with another hash for its mask',
    key: RSA,
    sign: ['-sha256', ...pss(FULL_SALT, 'rsa_mgf1_md:sha384')],
    code: 'CERT_SIGNATURE_UNSUPPORTED',
  },
  {
    what: 'RSASSA-PSS with its default, SHA-1',
    key: RSA,
    sign: ['-sha1', ...pss(FULL_SALT)],
    code: 'CERT_SIGNATURE_WEAK',
    quirks: ['sha1-signature'],
  },
  {
    what: 'RSASSA with SHA-1',
    key: RSA,
    sign: ['-sha1'],
    code: 'CERT_SIGNATURE_WEAK',
    quirks: ['sha1-signature'],
  },
  {
    what: 'RSA-1024',
    key: ['-newkey', 'rsa:1024'],
    sign: ['-sha256'],
    code: 'CERT_SIGNATURE_WEAK',
  },
  { what: 'RSASSA with MD5', key: RSA, sign: ['-md5'], code: 'CERT_SIGNATURE_UNSUPPORTED' },
  { what: 'ECDSA on P-256', key: curve('P-256'), sign: ['-sha256'] },
  { what: 'ECDSA on P-384', key: curve('P-384'), sign: ['-sha384'] },
  { what: 'ECDSA on P-521', key: curve('P-521'), sign: ['-sha512'] },
  { what: 'ECDSA with SHA3-384', key: curve('P-384'), sign: ['-sha3-384'] },
  { what: 'ECDSA on brainpoolP256r1', key: curve('brainpoolP256r1'), sign: ['-sha256'] },
  { what: 'ECDSA on brainpoolP384r1', key: curve('brainpoolP384r1'), sign: ['-sha384'] },
  { what: 'ECDSA on brainpoolP512r1', key: curve('brainpoolP512r1'), sign: ['-sha512'] },
  {
    what: 'ECDSA with SHA-1',
    key: curve('P-256'),
    sign: ['-sha1'],
    code: 'CERT_SIGNATURE_WEAK',
    quirks: ['sha1-signature'],
  },
  {
    what: 'ECDSA on P-224',
    key: curve('P-224'),
    sign: ['-sha256'],
    code: 'CERT_SIGNATURE_WEAK',
  },
];

describe('a signature that openssl made', () => {
  let dir: string;
  const openssl = (...args: string[]) => run('openssl', args, { cwd: dir });
  const subject = (name: string) => ['-nodes', '-keyout', `${name}.key`, '-subj', `/CN=${name}`];
  const der = async (name: string) => {
    await openssl('x509', '-in', name, '-outform', 'der', '-out', `${name}.der`);
    return readFile(join(dir, `${name}.der`));
  };

  const made = new Map<string, Promise<string>>();
  /** One CA for each kind of key: they take a while. */
  const caWith = (key: readonly string[]): Promise<string> => {
    const name = `ca${made.size}`;
    const known = made.get(key.join(' '));
    if (known) return known;
    const making = openssl('req', '-x509', ...key, ...subject(name), '-out', name);
    const ready = making.then(() => name);
    made.set(key.join(' '), ready);
    return ready;
  };

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-signature-'));
    await openssl('req', ...curve('P-256'), ...subject('leaf'), '-out', 'leaf.csr');
    await writeFile(join(dir, 'leaf.ext'), 'extendedKeyUsage = 2.23.133.8.1\n');
  });
  after(() => rm(dir, { recursive: true, force: true }));

  for (const { what, key, sign, code, quirks = [] } of ROWS) {
    it(`by ${what} is ${code ? `refused: ${code}` : 'accepted'}, and no other is`, async () => {
      const ca = await caWith(key);
      await openssl(
        ...['x509', '-req', '-in', 'leaf.csr', '-CA', ca, '-CAkey', `${ca}.key`],
        ...['-CAcreateserial', '-extfile', 'leaf.ext', '-out', 'leaf', ...sign],
      );
      const [root, bytes] = [await der(ca), await der('leaf')];
      const read = parseEkCertificate(bytes);
      const codesOf = (leaf: Uint8Array) => {
        const input = { leaf, intermediates: [], roots: [root], now: read.notBefore } as const;
        const verdict = validatePath({ ...input, kind: 'ek' });
        return verdict.ok ? [] : verdict.findings.map((finding) => finding.code);
      };
      assert.deepEqual(codesOf(bytes), code ? [code] : []);
      const ofSignature = read.quirks.filter((quirk) => quirk === 'sha1-signature');
      assert.deepEqual(ofSignature, quirks);
      // The last bit of the signature.
      const forged = Uint8Array.from(bytes);
      forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
      const unsupported = code === 'CERT_SIGNATURE_UNSUPPORTED';
      assert.deepEqual(codesOf(forged), [unsupported ? code : 'CERT_SIGNATURE_INVALID']);
    });
  }
});
