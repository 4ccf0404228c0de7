import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EXIT } from '../index.ts';
import { newOperator, type Operator } from './support/operator.ts';

const run = promisify(execFile);
const SAN = `subjectAltName = critical, dirName:tpm
[tpm]
1.2.23.133.2.1 = id:53544D20
2.2.23.133.2.2 = ST33
3.2.23.133.2.3 = id:0101
`;

type Report = {
  readonly chain: string;
  readonly quirks: readonly string[];
  readonly findings: readonly { readonly code: string; readonly effect: string }[];
};

/** Of a small world: root -> intermediate -> ek. Other leaves hang below the root. */
describe('touchstone inspect ek-cert', () => {
  let operator: Operator;
  const at = (...names: string[]) => join(operator.home, ...names);
  const openssl = (...args: string[]) => run('openssl', args, { cwd: operator.home });

  before(async function () {
    this.timeout(30_000);
    operator = newOperator({ now: () => new Date() });
    for (const dir of ['roots', 'both', 'links', 'empty']) mkdirSync(at(dir));
    const ca = 'basicConstraints = critical, CA:TRUE\nsubjectKeyIdentifier = hash\n';
    const ek =
      'basicConstraints = critical, CA:FALSE\nextendedKeyUsage = 2.23.133.8.1\nauthorityKeyIdentifier = keyid\n';
    await make('root', ca);
    await make('between', ca, 'root');
    await make('stranger', ca);
    await make('ek', ek + SAN, 'between', '/');
    await make('odd', `${ek}1.2.3.4 = critical, DER:0500\n`, 'root');
    await make('forged', ek, 'stranger', '/CN=\u001b[2Jforged');
    copyFileSync(at('root.pem'), at('roots', 'root.pem'));
    copyFileSync(at('between.pem'), at('links', 'between.pem'));
    writeFileSync(at('both', 'all.crt'), text('root') + text('between'));
    writeFileSync(at('both', 'README'), 'no certificate');
  });
  after(() => operator.leave());

  /** Makes name.pem, name.der and name.key; self-signed without an issuer. */
  async function make(name: string, extensions: string, issuer?: string, subject = `/CN=${name}`) {
    writeFileSync(at(`${name}.ext`), extensions);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-nodes'];
    await openssl('req', ...key, '-keyout', `${name}.key`, '-subj', subject, '-out', `${name}.csr`);
    const signer = issuer ?? name;
    const by = issuer
      ? ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial']
      : ['-signkey', `${signer}.key`];
    await openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-days', '3000', '-extfile', `${name}.ext`],
      ...['-sha384', '-out', `${name}.pem`, ...by],
    );
    await openssl('x509', '-in', `${name}.pem`, '-outform', 'der', '-out', `${name}.der`);
  }
  const text = (name: string) => readFileSync(at(`${name}.pem`), 'utf8');

  async function inspect(file: string, ...options: string[]) {
    const { exit, out, err } = await operator.run([
      'inspect',
      'ek-cert',
      at(file),
      ...options,
      '--json',
    ]);
    assert.equal(err, '');
    return { exit, report: JSON.parse(out) as Report };
  }
  const codesOf = ({ findings }: Report) => findings.map(({ code, effect }) => `${effect} ${code}`);

  it('says what is in it, and that its chain was not checked', async () => {
    for (const file of ['ek.pem', 'ek.der']) {
      const { exit, report } = await inspect(file);
      assert.equal(exit, EXIT.yes);
      assert.deepEqual(report, {
        subject: '',
        issuer: 'CN=between',
        key: 'ECC P-384',
        tpm: { manufacturer: 'id:53544D20', model: 'ST33', version: 'id:0101' },
        chain: 'not-checked',
        quirks: ['no-subject', 'critical-subject-alt-name'],
        findings: [],
      });
    }
  });

  it('trusts a chain to a root of the directory, wherever its links come from', async () => {
    writeFileSync(at('chain.pem'), text('ek') + text('between'));
    for (const [file, roots] of [
      ['ek.der', 'both'],
      ['chain.pem', 'roots'],
    ] as const) {
      const { exit, report } = await inspect(file, '--roots', at(roots));
      assert.deepEqual([exit, report.chain, report.findings], [EXIT.yes, 'trusted', []]);
    }
  });

  it('knows no root where none leads there: 1, unknown-root', async () => {
    for (const [file, roots] of [
      ['ek.der', 'roots'],
      ['ek.der', 'links'],
      ['ek.der', 'empty'],
      ['forged.pem', 'both'],
    ] as const) {
      const { exit, report } = await inspect(file, '--roots', at(roots));
      assert.deepEqual([exit, report.chain], [EXIT.no, 'unknown-root']);
      assert.deepEqual(codesOf(report), ['enforce EK_UNTRUSTED_ROOT']);
    }
  });

  it('refuses a chain that does not hold: 1, invalid', async () => {
    const { exit, report } = await inspect('between.pem', '--roots', at('roots'));
    assert.deepEqual([exit, report.chain], [EXIT.no, 'invalid']);
    assert.deepEqual(codesOf(report), ['enforce EK_CERT_PROFILE']);
  });

  it('refuses a critical extension that nobody knows, roots or not (I15): EXT_CRITICAL', async () => {
    const checked = await inspect('odd.der', '--roots', at('roots'));
    assert.deepEqual([checked.exit, checked.report.chain], [EXIT.no, 'invalid']);
    const alone = await inspect('odd.der');
    assert.deepEqual([alone.exit, alone.report.chain], [EXIT.no, 'not-checked']);
    for (const { report } of [checked, alone]) {
      assert.deepEqual(codesOf(report), ['enforce EXT_CRITICAL']);
    }
  });

  it('says of a CA that it is no EK, which is a warning where nobody asked for trust', async () => {
    const { exit, report } = await inspect('root.pem');
    assert.deepEqual([exit, report.chain], [EXIT.yes, 'not-checked']);
    assert.deepEqual(codesOf(report), ['warn EK_CERT_PROFILE']);
  });

  it('reads what an NV index holds, wrapped and padded (I17), from standard input too', async () => {
    const der = readFileSync(at('ek.der'));
    const head = Buffer.from('10010000001002', 'hex');
    head.writeUInt16BE(der.length + 2, 3);
    writeFileSync(at('nv'), Buffer.concat([head, der, Buffer.alloc(64, 0xff)]));
    assert.equal((await inspect('nv')).report.quirks[0], 'nv-wrapper');
    writeFileSync(at('nv'), Buffer.concat([der, Buffer.alloc(64)]));
    assert.equal((await inspect('nv')).report.quirks[0], 'trailing-bytes');
    const { out } = await operator.run(['inspect', 'ek-cert', '-'], { input: text('ek') });
    assert.match(out, /ECC P-384/u);
  });

  for (const [why, bytes, code] of [
    ['an empty file', '', 'TRUNCATED'],
    ['text', 'x'.repeat(300), 'BAD_DER'],
    [
      'PEM of something else',
      '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n',
      'PEM_MALFORMED',
    ],
  ] as const) {
    it(`is 65 for ${why}: ${code}`, async () => {
      writeFileSync(at('bad'), bytes);
      const { exit, out, err } = await operator.run(['inspect', 'ek-cert', at('bad'), '--json']);
      assert.deepEqual([exit, err], [EXIT.malformed, '']);
      const { error } = JSON.parse(out) as { error: Record<string, unknown> };
      assert.deepEqual(Object.keys(error), ['code', 'field', 'offset']);
      assert.equal(error['code'], code);
    });
  }

  it('is 65 cut at any byte', async () => {
    const der = readFileSync(at('ek.der'));
    for (let length = 0; length < der.length; length += 37) {
      writeFileSync(at('cut'), der.subarray(0, length));
      const { exit } = await operator.run(['inspect', 'ek-cert', at('cut')]);
      assert.equal(exit, EXIT.malformed);
    }
  });

  it('is 64 for what is not there', async () => {
    assert.equal((await operator.run(['inspect', 'ek-cert', at('none')])).exit, EXIT.usage);
    const argv = ['inspect', 'ek-cert', at('ek.pem'), '--roots', at('none')];
    assert.equal((await operator.run(argv)).exit, EXIT.usage);
  });

  it('is told to people in words, and drives no terminal', async () => {
    const tty = { tty: true, env: { NO_COLOR: '1' } };
    const trusted = await operator.run(
      ['inspect', 'ek-cert', at('ek.der'), '--roots', at('both')],
      tty,
    );
    assert.match(
      trusted.out,
      /leads to a root[^]*STM \(id:53544D20\)[^]*quirks +quirk:no-subject/u,
    );
    assert.match(trusted.err, /1 root, 1 link; no certificate in .*README/u);
    const forged = await operator.run(
      ['inspect', 'ek-cert', at('forged.pem'), '--roots', at('both')],
      tty,
    );
    assert.equal(forged.exit, EXIT.no);
    assert.match(forged.out, /No root[^]*CN=\\1b\[2Jforged[^]*EK_UNTRUSTED_ROOT/u);
    assert.ok(!(forged.out + forged.err).includes('\u001b'));
  });
});
