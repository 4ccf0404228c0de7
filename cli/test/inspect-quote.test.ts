import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AK_TEMPLATE_ECC_P256,
  encodeTpm2bPublic,
  encodeTpmlPcrSelection,
  encodeTpmtPublic,
  encodeTpmtSignature,
  nameOf,
  type PcrSelection,
  TPM_GENERATED_VALUE,
  TPM_ST_ATTEST_CERTIFY,
  TPM_ST_ATTEST_QUOTE,
  TPMA_OBJECT,
  type TpmtPublicEcc,
  Writer,
} from '@touchstone/tpm';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { EXIT } from '../index.ts';
import type { QuoteReport } from '../inspect/inspect-quote.ts';
import { newOperator, type Operator } from './support/operator.ts';

const NONCE = 'c0ffee00'.repeat(8);
const VALUE = '5a'.repeat(32);

/** Signs with a P-256 key of its own, as a TPM does with an AK. */
function newAk(): { ak: TpmtPublicEcc; pem: string; key: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const unique = { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return { ak: { ...AK_TEMPLATE_ECC_P256, unique }, pem, key: privateKey };
}

function quoteOf(
  selection: PcrSelection,
  { type = TPM_ST_ATTEST_QUOTE, magic = TPM_GENERATED_VALUE } = {},
): Uint8Array {
  const values = selection.flatMap(({ pcrs }) => pcrs.map(() => VALUE)).join('');
  const head = new Writer().u32(magic).u16(type);
  const signer = Uint8Array.of(0, 0x0b, ...new Uint8Array(32));
  head.sized16(signer).sized16(Buffer.from(NONCE, 'hex'));
  head
    .u64(2n ** 63n)
    .u32(4)
    .u32(0)
    .u8(1)
    .u64(0x0102n);
  const digest = createHash('sha256').update(Buffer.from(values, 'hex')).digest();
  return head.bytes(encodeTpmlPcrSelection(selection)).sized16(digest).finish();
}

function signatureOn(message: Uint8Array, key: KeyObject): Uint8Array {
  const rs = sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' });
  const [r, s] = [rs.subarray(0, 32), rs.subarray(32)];
  return encodeTpmtSignature({ sigAlg: 'ecdsa', hash: 'sha256', r, s });
}

describe('touchstone inspect quote', () => {
  const { ak, pem, key } = newAk();
  const selection = [{ bank: 'sha256' as const, pcrs: [0, 7] }];
  const quote = quoteOf(selection);
  const pcrs = JSON.stringify({ sha256: { 0: VALUE, 7: VALUE } });
  let operator: Operator;

  beforeEach(() => (operator = newOperator()));
  afterEach(() => operator.leave());

  type Given = Partial<Record<'attest' | 'signature' | 'ak' | 'pcrs', Uint8Array | string>> & {
    nonce?: string;
    json?: boolean;
  };

  /** With what is not given taken from a good quote; `pcrs` and `nonce` are left out by ''. */
  async function inspect({ nonce = NONCE, json = true, ...changed }: Given = {}) {
    const attest = changed.attest ?? quote;
    const signature = signatureOn(Buffer.from(attest), key);
    const files = { attest, signature, ak: encodeTpm2bPublic(ak), pcrs, ...changed };
    const options = Object.entries(files).flatMap(([name, content]) => {
      if (content === '') return [];
      const file = join(operator.home, name);
      writeFileSync(file, content);
      return [`--${name}`, file];
    });
    if (nonce !== '') options.push('--nonce', nonce);
    return operator.run(['inspect', 'quote', ...options, ...(json ? ['--json'] : [])]);
  }

  const codesOf = (out: string) =>
    (JSON.parse(out) as QuoteReport).findings.map(({ code }) => code);

  it('is 0 for a quote that answers the nonce and covers the values, and gives it whole', async () => {
    const { exit, out, err } = await inspect();
    assert.deepEqual([exit, err], [EXIT.yes, '']);
    assert.deepEqual(JSON.parse(out), {
      verified: true,
      findings: [],
      attest: {
        magic: 'ff544347',
        type: 'quote',
        qualifiedSigner: `000b${'00'.repeat(32)}`,
        extraData: NONCE,
        clockInfo: { clock: '9223372036854775808', resetCount: 4, restartCount: 0, safe: true },
        firmwareVersion: '0000000000000102',
        quote: {
          pcrSelect: [{ bank: 'sha256', pcrs: [0, 7] }],
          pcrDigest: createHash('sha256')
            .update(Buffer.from(VALUE.repeat(2), 'hex'))
            .digest('hex'),
        },
      },
    });
  });

  for (const [form, given] of [
    ['TPM2B_PUBLIC', encodeTpm2bPublic(ak)],
    ['TPMT_PUBLIC', encodeTpmtPublic(ak)],
  ] as const) {
    it(`takes the AK as ${form}`, async () => {
      assert.equal((await inspect({ ak: given })).exit, EXIT.yes);
    });
  }

  it('takes the AK as PEM, of which no attributes are known: AK_ATTRIBUTES_NOT_CHECKED', async () => {
    for (const text of [pem, pem.replaceAll('\n', '\r\n'), `subject=host\n${pem}`]) {
      const { exit, out } = await inspect({ ak: text });
      assert.equal(exit, EXIT.yes);
      assert.deepEqual(codesOf(out), ['AK_ATTRIBUTES_NOT_CHECKED']);
    }
  });

  it('says what was not given and so not checked', async () => {
    const { exit, out } = await inspect({ nonce: '', pcrs: '' });
    assert.equal(exit, EXIT.yes);
    assert.deepEqual(codesOf(out), ['NONCE_NOT_CHECKED', 'PCRS_NOT_CHECKED']);
  });

  const other = newAk();
  const without = (bit: number) =>
    encodeTpm2bPublic({ ...ak, objectAttributes: ak.objectAttributes & ~bit });
  for (const [what, given, codes] of [
    ['another nonce', { nonce: 'c0ffee01' }, ['QUOTE_NONCE_MISMATCH']],
    ['the nonce cut short (Q20)', { nonce: NONCE.slice(2) }, ['QUOTE_NONCE_MISMATCH']],
    ['the nonce padded (Q20)', { nonce: `${NONCE}00` }, ['QUOTE_NONCE_MISMATCH']],
    ['no PCR selected (Q8)', { attest: quoteOf([]), pcrs: '{}' }, ['SELECTION_EMPTY']],
    [
      'a bank selected and none of its PCRs (Q8)',
      { attest: quoteOf([{ bank: 'sha256', pcrs: [] }]), pcrs: '' },
      ['SELECTION_EMPTY'],
    ],
    ['another AK', { ak: encodeTpm2bPublic(other.ak) }, ['SIGNATURE_INVALID']],
    ['another AK as PEM', { ak: other.pem }, ['SIGNATURE_INVALID', 'AK_ATTRIBUTES_NOT_CHECKED']],
    [
      'an AK that signs anything (I1)',
      { ak: without(TPMA_OBJECT.restricted) },
      ['AK_NOT_RESTRICTED'],
    ],
    ['an AK that may leave its TPM (I2)', { ak: without(TPMA_OBJECT.fixedTPM) }, ['AK_ATTRIBUTES']],
    [
      'an AK that came from elsewhere (I2)',
      { ak: without(TPMA_OBJECT.sensitiveDataOrigin) },
      ['AK_ATTRIBUTES'],
    ],
    [
      'another value',
      { pcrs: JSON.stringify({ sha256: { 0: VALUE, 7: '00'.repeat(32) } }) },
      ['PCR_DIGEST_MISMATCH'],
    ],
    [
      'a value that is not quoted (Q10)',
      { pcrs: JSON.stringify({ sha256: { 0: VALUE, 7: VALUE, 8: VALUE } }) },
      ['UNCOVERED_PCR'],
    ],
    [
      'a value too few (Q9)',
      { pcrs: JSON.stringify({ sha256: { 0: VALUE } }) },
      ['SELECTION_INCOMPLETE', 'PCR_DIGEST_MISMATCH'],
    ],
  ] as const) {
    it(`is 1 with ${what}: ${codes.join(', ')}`, async () => {
      const { exit, out } = await inspect(given);
      assert.deepEqual([exit, codesOf(out)], [EXIT.no, codes]);
      assert.equal((JSON.parse(out) as QuoteReport).verified, false);
    });
  }

  const signature = signatureOn(quote, key);
  for (const [what, given, code, field] of [
    ['an empty quote', { attest: new Uint8Array() }, 'TRUNCATED', 'attest.magic'],
    [
      'what no TPM made (Q5)',
      { attest: quoteOf(selection, { magic: 0xff544346 }) },
      'BAD_MAGIC',
      'attest.magic',
    ],
    [
      'a certification with the body of a quote (Q6)',
      { attest: quoteOf(selection, { type: TPM_ST_ATTEST_CERTIFY }) },
      'NOT_A_QUOTE',
      'attest.type',
    ],
    [
      'a byte more (Q18)',
      { attest: Buffer.concat([quote, Buffer.of(0)]) },
      'TRAILING_BYTES',
      'attest.TPMS_ATTEST',
    ],
    [
      'a signature of a byte more (Q18)',
      { signature: Buffer.concat([signature, Buffer.of(0)]) },
      'TRAILING_BYTES',
      'signature.TPMT_SIGNATURE',
    ],
    [
      'half a signature',
      { signature: signature.subarray(0, 40) },
      'TRUNCATED',
      'signature.signature.signatureS',
    ],
    ['half an AK', { ak: encodeTpmtPublic(ak).subarray(0, 40) }, 'TRUNCATED', 'ak.unique.x'],
    ['half a PEM file', { ak: pem.slice(0, 60) }, 'PEM_MALFORMED', 'ak.PEM'],
    [
      'a private key',
      { ak: key.export({ type: 'pkcs8', format: 'pem' }).toString() },
      'PEM_MALFORMED',
      'ak.PEM',
    ],
    ['values in no JSON', { pcrs: 'sha256' }, 'JSON_SYNTAX', 'pcrs.JSON'],
    ['values twice', { pcrs: '{"sha256":{},"sha256":{}}' }, 'JSON_DUPLICATE_KEY', 'pcrs.JSON'],
    ['values of no bank', { pcrs: '{"md5":{}}' }, 'PCRS_MALFORMED', 'pcrs.md5'],
    ['a value of no size', { pcrs: '{"sha256":{"0":"00"}}' }, 'PCRS_MALFORMED', 'pcrs.sha256.0'],
    ['a PCR of no number', { pcrs: '{"sha256":{"00":""}}' }, 'PCRS_MALFORMED', 'pcrs.sha256.00'],
    ['a list of values', { pcrs: '[]' }, 'PCRS_MALFORMED', 'pcrs'],
  ] as const) {
    it(`is 65 for ${what}: ${code}`, async () => {
      const { exit, out, err } = await inspect(given);
      assert.deepEqual([exit, err], [EXIT.malformed, '']);
      const { error } = JSON.parse(out) as { error: { code: string; field: string } };
      assert.deepEqual([error.code, error.field], [code, field]);
    });
  }

  it('is 65 for a quote, a signature or a public area cut anywhere', async () => {
    for (const [name, whole] of [
      ['attest', quote],
      ['signature', signature],
      ['ak', encodeTpm2bPublic(ak)],
      ['ak', encodeTpmtPublic(ak)],
    ] as const) {
      for (let length = 0; length < whole.length; length += 7) {
        const cut = { [name]: Uint8Array.from(whole.subarray(0, length)) };
        assert.equal((await inspect(cut)).exit, EXIT.malformed, `${name}, ${length} bytes`);
      }
    }
  });

  it('is 64 without an AK, with a nonce that is no hex, and for a file that is not there', async () => {
    const run = (...options: string[]) => operator.run(['inspect', 'quote', ...options]);
    assert.equal((await run('--attest', '/x', '--signature', '/x')).exit, EXIT.usage);
    assert.equal((await inspect({ nonce: 'c0f' })).exit, EXIT.usage);
    const missing = await run('--attest', '/x', '--signature', '/x', '--ak', '/x');
    assert.equal(missing.exit, EXIT.usage);
  });

  it('tells people what holds, by which key, and what speaks against it', async () => {
    const well = await inspect({ json: false });
    assert.match(well.out, /^The quote is verified\.\n/u);
    assert.match(well.out, new RegExp(Buffer.from(nameOf(ak)).toString('hex'), 'u'));
    assert.match(well.out, /covers +sha256: 0 7\n/u);
    const badly = await inspect({ json: false, nonce: 'c0ffee01' });
    assert.equal(badly.exit, EXIT.no);
    assert.match(badly.out, /^The quote is not verified\.\n/u);
    assert.match(badly.out, /1\. The quote does not answer[^]*expected +c0ffee01\n/u);
    const broken = await inspect({ json: false, ak: 'x' });
    assert.deepEqual([broken.exit, broken.out], [EXIT.malformed, '']);
    assert.match(broken.err, /ends before[^]*ak\.[^]*TRUNCATED|TRUNCATED[^]*ak\./u);
  });
});

describeCorpus('touchstone inspect quote on the corpus', () => {
  type Entry = {
    path: string;
    expected: {
      signature?: { valid: boolean; hash?: string };
      verify?: 'reject';
      attest?: { extraData: string };
    };
  };
  const entries = (JSON.parse(readFileSync(corpusPath('manifest.json'), 'utf8')) as Entry[]).filter(
    ({ path }) => path.startsWith('quotes/'),
  );
  const operator = newOperator();
  after(() => operator.leave());

  const one = (folder: string, ...names: string[]): string =>
    corpusPath(folder, names.find((name) => existsSync(corpusPath(folder, name))) ?? '');

  async function inspect(
    folder: string,
    changed: { attest?: string; signature?: string; nonce?: string },
  ) {
    const files = {
      attest: changed.attest ?? one(folder, 'quote.msg'),
      signature: changed.signature ?? one(folder, 'sig.bin', 'sig.raw'),
      ak: one(folder, 'ak.tpmt_public', 'ak.pem'),
    };
    const options = Object.entries(files).flatMap(([name, file]) => [`--${name}`, file]);
    if (changed.nonce !== undefined) options.push('--nonce', changed.nonce);
    if (readdirSync(corpusPath(folder)).includes('pcrs.json')) {
      options.push('--pcrs', corpusPath(folder, 'pcrs.json'));
    }
    const { exit, out } = await operator.run(['inspect', 'quote', ...options, '--json']);
    const { verified, findings = [] } = JSON.parse(out) as Partial<QuoteReport>;
    return { exit, verified, codes: findings.map(({ code }) => code) };
  }

  it('is 65 for an RSA signature cut to the length of its modulus, and does not take it bare', async () => {
    const folder = 'quotes/aws-nitrotpm-sha256';
    const signature = join(operator.home, 'cut');
    writeFileSync(signature, readFileSync(corpusPath(folder, 'sig.bin')).subarray(0, 256));
    assert.equal((await inspect(folder, { signature })).exit, EXIT.malformed);
  });

  for (const { path, expected } of entries) {
    const folder = path.slice(0, path.lastIndexOf('/'));
    const { signature, verify, attest } = expected;

    if (signature !== undefined && attest !== undefined) {
      const weak = signature.hash === 'sha1';
      it(`${signature.valid && !weak ? 'verifies' : 'does not verify'} ${path}`, async () => {
        const { exit, verified, codes } = await inspect(folder, { nonce: attest.extraData });
        const holds = signature.valid && !weak;
        assert.deepEqual([exit, verified], holds ? [EXIT.yes, true] : [EXIT.no, false]);
        const why = weak ? 'SIG_HASH_WEAK' : 'SIGNATURE_INVALID';
        assert.equal(codes.includes(why), !holds);

        const wrong = await inspect(folder, { nonce: `${attest.extraData}00` });
        assert.equal(wrong.exit, EXIT.no);
        assert.ok(wrong.codes.includes('QUOTE_NONCE_MISMATCH'));
      });
    }

    if (verify === 'reject') {
      it(`does not verify ${path}`, async () => {
        const which = path.includes('/sig.bin.') ? 'signature' : 'attest';
        const { exit, verified } = await inspect(folder, { [which]: corpusPath(path) });
        assert.ok(exit === EXIT.no || exit === EXIT.malformed, String(exit));
        assert.notEqual(verified, true);
      });
    }
  }
});
