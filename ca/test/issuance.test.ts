import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  akQualifiedNameOf,
  parseAkCertificate,
  verifyAkCertificate,
} from '@touchstone/endorsement';
import { EK_TEMPLATE_RSA2048 } from '@touchstone/tpm';
import { issueAkCertificate } from '../issuance/ak-certificate.ts';
import type { Authority } from '../issuance/authority.ts';
import { createAuthority, loadAuthority, pemOf } from '../issuance/index.ts';
import { makeAkPublic } from './support/made-endorsement.ts';

const run = promisify(execFile);
const now = new Date();
const akPublic = makeAkPublic();
const claims = {
  akPublic,
  akQualifiedName: akQualifiedNameOf(EK_TEMPLATE_RSA2048, akPublic),
  class: 'firmware',
  ekRef: new Uint8Array(32).fill(7),
} as const;

describe("the CA's own keys", () => {
  let dir: string;
  let stateDir: string;
  let authority: Authority;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-ca-'));
    stateDir = join(dir, 'state');
    await createAuthority(stateDir, now);
    authority = await loadAuthority(stateDir);
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const contents = async () =>
    Promise.all((await readdir(stateDir)).toSorted().map((file) => readFile(join(stateDir, file))));

  it('lie in files that nobody else can read', async () => {
    assert.equal((await stat(stateDir)).mode & 0o777, 0o700);
    for (const file of await readdir(stateDir)) {
      assert.equal((await stat(join(stateDir, file))).mode & 0o777, 0o600, file);
    }
  });

  it('are made once', async () => {
    const first = await contents();
    await createAuthority(stateDir, now);
    assert.deepEqual(await contents(), first);
  });

  it('are two tiers: a root of ten years, an issuing CA of two', () => {
    const root = new X509Certificate(authority.anchor.pem);
    const issuing = new X509Certificate(authority.issuing.pem);
    const years = (x: X509Certificate) =>
      Math.round((Date.parse(x.validTo) - +now) / 31_556_952_000);
    assert.ok(issuing.verify(root.publicKey) && root.verify(root.publicKey));
    assert.deepEqual([years(root), years(issuing)], [10, 2]);
  });

  it('go on being made where an interruption left off', async () => {
    const whole = await readdir(stateDir);
    for (const last of ['issuing.cert.pem', 'issuing.key.pem', 'root.cert.pem']) {
      await rm(join(stateDir, last));
    }
    await createAuthority(stateDir, now);
    assert.deepEqual(await readdir(stateDir), whole);
    authority = await loadAuthority(stateDir);
  });

  it('are not made anew beside what depends on them: STATE_INCOMPLETE', async () => {
    const file = join(stateDir, 'ekref.secret');
    const secret = await readFile(file);
    await rm(file);
    await assert.rejects(createAuthority(stateDir, now), { code: 'STATE_INCOMPLETE' });
    await assert.rejects(loadAuthority(stateDir), { code: 'STATE_INCOMPLETE' });
    await writeFile(file, secret, { mode: 0o600 });
  });

  it('are not used once others could read them: KEY_FILE_MODE', async () => {
    const file = join(stateDir, 'issuing.key.pem');
    await chmod(file, 0o640);
    await assert.rejects(loadAuthority(stateDir), { code: 'KEY_FILE_MODE' });
    await chmod(file, 0o600);
  });

  it('are not used with a certificate of another key: KEY_FILE_MALFORMED', async () => {
    const file = join(stateDir, 'issuing.cert.pem');
    const pem = await readFile(file);
    await writeFile(file, await readFile(join(stateDir, 'root.cert.pem')));
    await assert.rejects(loadAuthority(stateDir), { code: 'KEY_FILE_MALFORMED' });
    await writeFile(file, pem);
  });

  describe('AK certificates', () => {
    it('are what the verifier takes, and openssl too', async () => {
      const { der } = await issueAkCertificate(claims, authority, now);
      const certificate = parseAkCertificate(der);
      const { keyId, der: issuerDer } = authority.issuing;
      const issuers = [{ keyId, certificate: issuerDer, state: 'active' as const }];
      assert.deepEqual(verifyAkCertificate({ certificate, akPublic, issuers, now }), []);
      assert.equal(certificate.class, 'firmware');
      const { issuer } = certificate.certificate;
      assert.deepEqual(Buffer.from(issuer.encoded), Buffer.from(authority.issuing.subject));
      await writeFile(join(dir, 'ak.pem'), pemOf(der));
      const { stdout } = await run('openssl', [
        ...['verify', '-x509_strict', '-purpose', 'any'],
        ...['-CAfile', join(stateDir, 'root.cert.pem')],
        ...['-untrusted', join(stateDir, 'issuing.cert.pem'), join(dir, 'ak.pem')],
      ]);
      assert.match(stdout, /: OK/);
    });

    it('live seven days, from five minutes back', async () => {
      const { notBefore, notAfter } = await issueAkCertificate(claims, authority, now);
      const second = (ms: number) => Math.floor(ms / 1_000);
      assert.equal(second(+notBefore), second(+now - 300_000));
      assert.equal(second(+notAfter), second(+now + 7 * 86_400_000));
    });

    it('have positive serial numbers of sixteen octets, none twice', async () => {
      const many = await Promise.all(
        Array.from({ length: 50 }, () => issueAkCertificate(claims, authority, now)),
      );
      const serials = many.map(({ serial }) => serial);
      assert.equal(new Set(serials.map((serial) => Buffer.from(serial).toString('hex'))).size, 50);
      assert.ok(serials.every((serial) => serial.length === 16 && (serial[0] ?? 0) < 0x80));
    });

    it('end with their issuer at the latest, and are not issued after it', async () => {
      const end = authority.issuing.notAfter;
      const last = new Date(end.getTime() - 60_000);
      const { notAfter } = await issueAkCertificate(claims, authority, last);
      assert.deepEqual(notAfter, end);
      await assert.rejects(issueAkCertificate(claims, authority, end), RangeError);
    });
  });
});
