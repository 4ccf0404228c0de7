import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  akQualifiedNameOf,
  encodeName,
  keyIdOf,
  parseAkCertificate,
  parseCertificate,
  TOUCHSTONE_OID,
  verifyBundleSigner,
  verifyAkCertificate,
} from '@touchstone/endorsement';
import { EK_TEMPLATE_RSA2048, encodeTpmtPublic } from '@touchstone/tpm';
import { fileCustodyIn, type Issuance, localIssuance, pemOf } from '../issuance/index.ts';
import { makeAkPublic } from './support/made-endorsement.ts';

const run = promisify(execFile);
const now = new Date();
const words = (text: string) => async () => Buffer.from(text);
/** Of the keys that are made here; what guards the real ones has a test of its own. */
const CHEAP = { scryptCost: 1_024 };
const CRL_URL = 'https://ca.example:9443/v1/crls/00ff/1';

const area = makeAkPublic();
const ak = {
  akPublic: encodeTpmtPublic(area),
  akQualifiedName: akQualifiedNameOf(EK_TEMPLATE_RSA2048, area),
  class: 'firmware',
  ekRef: new Uint8Array(32).fill(7),
} as const;

describe('the issuance', () => {
  let dir: string;
  let issuance: Issuance;
  let root: Uint8Array;
  let issuing: Uint8Array;
  const passphrase = words('a passphrase that is long enough');
  const open = (
    passphrases: Parameters<typeof fileCustodyIn>[1] = { root: passphrase, issuing: passphrase },
  ) => localIssuance(fileCustodyIn(join(dir, 'state'), passphrases, CHEAP), () => now);

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-issuance-'));
    issuance = open();
    await issuance.ekRef(new Uint8Array(34));
    root = await issuance.signRoot({
      keyId: (await issuance.makeKey('first/root', 'root')).keyId,
      now,
    });
    const { keyId } = await issuance.makeKey('first/issuing', 'issuing');
    issuing = await issuance.signIssuing({ root, keyId, now });
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const file = async (name: string, der: Uint8Array, label?: string) => {
    await writeFile(join(dir, name), pemOf(der, label));
    return join(dir, name);
  };
  /** By openssl, strictly: `leaf` under `anchor`, with whatever lies between. */
  const opensslVerify = async (
    anchor: Uint8Array,
    between: readonly Uint8Array[],
    leaf: Uint8Array,
    ...more: string[]
  ) => {
    const untrusted = await Promise.all(
      between.map(async (der, index) => ['-untrusted', await file(`between-${index}.pem`, der)]),
    );
    const { stdout } = await run('openssl', [
      ...['verify', '-x509_strict', '-purpose', 'any', '-CAfile', await file('anchor.pem', anchor)],
      ...untrusted.flat(),
      ...more,
      await file('leaf.pem', leaf),
    ]);
    assert.match(stdout, /: OK/);
  };

  it('makes a key once a label, and tells the role and public part of each', async () => {
    const again = await issuance.makeKey('first/issuing', 'issuing');
    const keys = await issuance.keys();
    assert.deepEqual(
      keys.map(({ role, label }) => [role, label]),
      [
        ['root', 'first/root'],
        ['issuing', 'first/issuing'],
      ],
    );
    assert.deepEqual(keys[1], again);
    const many = await Promise.all([1, 2, 3].map(() => issuance.makeKey('at-once', 'issuing')));
    assert.equal(new Set(many.map(({ keyId }) => keyId)).size, 1);
    await issuance.destroyKey(many[0]?.keyId ?? '', 'issuing');
    assert.equal((await issuance.keys()).length, 2);
    await issuance.destroyKey(many[0]?.keyId ?? '', 'issuing');
  });

  it('signs chains that openssl takes strictly: root, issuing CA, AK, with and without a list', async () => {
    for (const more of [{}, { crlUrl: CRL_URL }]) {
      const { der, serial } = await issuance.signAk({ issuer: issuing, ak, now, ...more });
      await opensslVerify(root, [issuing], der);
      assert.equal(serial.length, 16);
      const { stdout } = await run('openssl', [
        'x509',
        '-noout',
        '-text',
        '-in',
        join(dir, 'leaf.pem'),
      ]);
      assert.equal(stdout.includes(`URI:${CRL_URL}`), 'crlUrl' in more);
    }
    const ends = (der: Uint8Array) => Date.parse(new X509Certificate(der).validTo);
    const days = (der: Uint8Array) => Math.round((ends(der) - +now) / 86_400_000);
    assert.deepEqual([days(root), days(issuing)], [3_652, 730]);
  });

  describe('AK certificates', () => {
    const sign = (at = now) => issuance.signAk({ issuer: issuing, ak, now: at });

    it('are what the verifier takes', async () => {
      const certificate = parseAkCertificate((await sign()).der);
      const issuer = {
        ...{ keyId: keyIdOf(parseCertificate(issuing).spki), certificate: issuing },
        state: 'active' as const,
      };
      const problems = verifyAkCertificate({ certificate, akPublic: area, issuers: [issuer], now });
      assert.deepEqual(
        problems.filter(({ code }) => !code.startsWith('AK_CERT_REVOCATION')),
        [],
      );
      assert.equal(certificate.class, 'firmware');
    });

    it('live seven days, from five minutes back', async () => {
      const { validFromDate, validToDate } = new X509Certificate((await sign()).der);
      const second = (ms: number) => Math.floor(ms / 1_000);
      assert.equal(second(+validFromDate), second(+now - 300_000));
      assert.equal(second(+validToDate), second(+now + 7 * 86_400_000));
    });

    it('have positive serial numbers of sixteen octets, none twice', async () => {
      const many = await Promise.all(Array.from({ length: 50 }, () => sign()));
      const serials = many.map(({ serial }) => serial);
      assert.equal(new Set(serials.map((serial) => Buffer.from(serial).toString('hex'))).size, 50);
      assert.ok(serials.every((serial) => serial.length === 16 && (serial[0] ?? 0) < 0x80));
    });

    it('end with their issuer at the latest, and are not issued after it: ISSUER_EXPIRED', async () => {
      const end = new X509Certificate(issuing).validToDate;
      const at = (time: Date) =>
        localIssuance(
          fileCustodyIn(join(dir, 'state'), { issuing: passphrase }),
          () => time,
        ).signAk({ issuer: issuing, ak, now: time });
      const { der } = await at(new Date(+end - 60_000));
      assert.deepEqual(new X509Certificate(der).validToDate, end);
      await assert.rejects(at(end), { code: 'ISSUER_EXPIRED' });
    });
  });

  it('signs cross-certificates both ways, through which openssl comes from either anchor', async () => {
    const { keyId } = await issuance.makeKey('r1/root', 'root');
    const successor = await issuance.signRoot({ keyId, now });
    const next = await issuance.makeKey('r1/issuing', 'issuing');
    const nextIssuing = await issuance.signIssuing({ root: successor, keyId: next.keyId, now });
    const newWithOld = await issuance.signCross({ subject: successor, by: root, now });
    const oldWithNew = await issuance.signCross({ subject: root, by: successor, now });
    const old = await issuance.signAk({ issuer: issuing, ak, now });
    const renewed = await issuance.signAk({ issuer: nextIssuing, ak, now });
    await opensslVerify(root, [newWithOld, nextIssuing], renewed.der);
    await opensslVerify(successor, [nextIssuing], renewed.der);
    await opensslVerify(successor, [oldWithNew, issuing], old.der);
    const { stdout } = await run('openssl', [
      ...['x509', '-noout', '-ext', 'authorityKeyIdentifier'],
      ...['-in', await file('cross.pem', newWithOld)],
    ]);
    assert.match(stdout, /^ *(keyid:)?([0-9A-F]{2}:){19}[0-9A-F]{2}$/m);
    assert.doesNotMatch(stdout, /serial|DirName/);
    await assert.rejects(issuance.signCross({ subject: root, by: root, now }), {
      code: 'ISSUANCE_REFUSED',
    });
    await issuance.destroyKey(keyId, 'root');
    await issuance.destroyKey(next.keyId, 'issuing');
    await assert.rejects(issuance.signCross({ subject: successor, by: root, now }), {
      code: 'KEY_NOT_HELD',
    });
  });

  it('certifies a key for trust bundles by a root: for that alone, of 30 days', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spki = publicKey.export({ format: 'der', type: 'spki' });
    const der = await issuance.signBundleKey({ root, spki, now });
    await opensslVerify(root, [], der);
    const certificate = new X509Certificate(der);
    assert.deepEqual(certificate.keyUsage, [TOUCHSTONE_OID.bundleSigner]);
    assert.equal(Math.round((Date.parse(certificate.validTo) - +now) / 86_400_000), 30);
    const verified = (anchor: Uint8Array, at = now, cert = der) =>
      verifyBundleSigner({ certificate: cert, anchors: [anchor], now: at });
    assert.deepEqual(Buffer.from(verified(root)), spki);
    assert.throws(() => verified(issuing), /no anchor/u);
    assert.throws(() => verified(root, new Date(+now + 31 * 86_400_000)), /not valid/u);
    assert.throws(() => verified(root, new Date(+now - 86_400_000)), /not valid/u);
    assert.throws(() => verified(root, now, issuing), /not for trust bundles/u);
    const { der: leaf } = await issuance.signAk({ issuer: issuing, ak, now });
    assert.throws(() => verified(issuing, now, leaf), /not for trust bundles/u);
    const refused = { code: 'ISSUANCE_REFUSED' };
    for (const namedCurve of ['P-384', 'secp256k1']) {
      const other = generateKeyPairSync('ec', { namedCurve }).publicKey;
      const wrong = other.export({ format: 'der', type: 'spki' });
      await assert.rejects(issuance.signBundleKey({ root, spki: wrong, now }), refused);
    }
    await assert.rejects(issuance.signBundleKey({ root: issuing, spki, now }), refused);
  });

  describe('revocation lists', () => {
    const nextUpdate = new Date(+now + 86_400_000);
    const list = (fields: Partial<Parameters<Issuance['signCrl']>[0]> = {}) =>
      issuance.signCrl({
        ...{ issuer: issuing, number: 300n, thisUpdate: now, nextUpdate, revoked: [] },
        ...fields,
      });

    it('are what openssl takes: number, issuer, place, reasons', async () => {
      const { serial } = await issuance.signAk({ issuer: issuing, ak, now });
      const revoked = [
        { serial, at: now, reason: 'keyCompromise' },
        { serial: Uint8Array.of(0, 0x90), at: now, reason: 'unspecified' },
      ] as const;
      const path = await file('list.crl', await list({ revoked, url: CRL_URL }), 'X509 CRL');
      const { stdout, stderr } = await run('openssl', [
        ...['crl', '-noout', '-text', '-verify', '-in', path],
        ...['-CAfile', await file('issuing.pem', issuing)],
      ]);
      assert.match(stderr, /verify OK/);
      assert.match(stdout, /Issuing Distribution Point: critical/);
      for (const part of [
        `URI:${CRL_URL}`,
        'Key Compromise',
        'Version 2',
        '300',
        'Serial Number: 90',
      ]) {
        assert.ok(stdout.includes(part), `${part} in ${stdout}`);
      }
    });

    it('let openssl refuse the certificate that stands in one, and take another', async () => {
      const certificate = () => issuance.signAk({ issuer: issuing, ak, now, crlUrl: CRL_URL });
      const [bad, good] = [await certificate(), await certificate()];
      const crl = await file(
        'partition.crl',
        await list({
          url: CRL_URL,
          revoked: [{ serial: bad.serial, at: now, reason: 'superseded' }],
        }),
        'X509 CRL',
      );
      const check = ['-crl_check', '-CRLfile', crl, '-extended_crl'];
      await opensslVerify(root, [issuing], good.der, ...check);
      await assert.rejects(opensslVerify(root, [issuing], bad.der, ...check), /revoked/);
    });

    it('hold 2,000 certificates and no more, live 32 days at most: ISSUANCE_REFUSED', async () => {
      const many = (count: number) =>
        Array.from({ length: count }, (_, index) => ({
          ...{ serial: Uint8Array.of(0x40, index >> 8, index & 0xff), at: now },
          reason: 'superseded' as const,
        }));
      await file('full.crl', await list({ revoked: many(2_000) }), 'X509 CRL');
      const { stdout } = await run('openssl', [
        ...['crl', '-noout', '-text', '-in', join(dir, 'full.crl')],
      ]);
      assert.equal(stdout.match(/Serial Number/g)?.length, 2_000);
      const refused = { code: 'ISSUANCE_REFUSED' };
      await assert.rejects(list({ revoked: many(2_001) }), refused);
      await assert.rejects(list({ nextUpdate: now }), refused);
      await assert.rejects(list({ nextUpdate: new Date(+now + 33 * 86_400_000) }), refused);
      await assert.rejects(list({ number: -1n }), refused);
      await assert.rejects(list({ issuer: root }), { code: 'KEY_NOT_HELD' });
    });
  });

  describe('refuses', () => {
    it('a time far from its own: ISSUANCE_CLOCK', async () => {
      for (const minutes of [-11, 11]) {
        const off = new Date(+now + minutes * 60_000);
        await assert.rejects(issuance.signAk({ issuer: issuing, ak, now: off }), {
          code: 'ISSUANCE_CLOCK',
        });
        const times = { thisUpdate: off, nextUpdate: new Date(+off + 60_000) };
        await assert.rejects(
          issuance.signCrl({ issuer: issuing, number: 1n, ...times, revoked: [] }),
          { code: 'ISSUANCE_CLOCK' },
        );
      }
      const near = new Date(+now + 9 * 60_000);
      assert.ok((await issuance.signAk({ issuer: issuing, ak, now: near })).der.length > 0);
    });

    it('an AK that is none, and fields of other lengths: ISSUANCE_REFUSED', async () => {
      const { objectAttributes } = area;
      const unrestricted = { ...area, objectAttributes: objectAttributes & ~0x10000 };
      for (const wrong of [
        { akPublic: encodeTpmtPublic(unrestricted) },
        { akPublic: new Uint8Array(8) },
        { akQualifiedName: new Uint8Array(33) },
        { ekRef: new Uint8Array(31) },
        { class: 'hardware' as 'firmware' },
      ]) {
        await assert.rejects(
          issuance.signAk({ issuer: issuing, ak: { ...ak, ...wrong }, now }),
          { code: 'ISSUANCE_REFUSED' },
          JSON.stringify(wrong),
        );
      }
    });

    it('an issuer that is the root, a root that is an issuer, a root of a stranger', async () => {
      await assert.rejects(issuance.signAk({ issuer: root, ak, now }), { code: 'KEY_NOT_HELD' });
      const { der } = await issuance.signAk({ issuer: issuing, ak, now });
      await assert.rejects(issuance.signAk({ issuer: der, ak, now }), { code: 'ISSUANCE_REFUSED' });
      const keyId = (await issuance.keys())[1]?.keyId ?? '';
      const refused = { code: 'ISSUANCE_REFUSED' };
      await assert.rejects(issuance.signIssuing({ root: issuing, keyId, now }), refused);
      await assert.rejects(issuance.signCross({ subject: issuing, by: root, now }), refused);
      // Of the root's own key, and not as that key has signed it.
      const forged = Uint8Array.from(root);
      forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
      await assert.rejects(issuance.signIssuing({ root: forged, keyId, now }), refused);
      const other = await mkdtemp(join(dir, 'other-'));
      const secrets = { root: passphrase, issuing: passphrase };
      const stranger = localIssuance(fileCustodyIn(other, secrets, CHEAP), () => now);
      const theirs = await stranger.signRoot({
        keyId: (await stranger.makeKey('first/root', 'root')).keyId,
        now,
      });
      const notHeld = { code: 'KEY_NOT_HELD' };
      await assert.rejects(issuance.signCross({ subject: theirs, by: root, now }), notHeld);
      await assert.rejects(issuance.signIssuing({ root: theirs, keyId, now }), notHeld);
      await assert.rejects(issuance.signRoot({ keyId, now }), notHeld);
    });

    it('labels that are no file names: ISSUANCE_REFUSED', async () => {
      for (const label of ['', '../x', 'a/../b', 'a/b/c', 'a+b', '.a', 'a\n']) {
        await assert.rejects(issuance.makeKey(label, 'root'), { code: 'ISSUANCE_REFUSED' }, label);
      }
    });
  });

  describe('in files', () => {
    const keyFile = () => join(dir, 'state/keys/issuing/first+issuing.key.pem');

    it('keeps keys encrypted, 0600, as openssl opens them with the passphrase alone', async () => {
      for (const role of ['root', 'issuing']) {
        const directory = join(dir, 'state/keys', role);
        for (const name of await readdir(directory)) {
          assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600, name);
          assert.doesNotMatch(
            await readFile(join(directory, name), 'utf8'),
            /-BEGIN (EC )?PRIVATE/,
          );
        }
      }
      const openssl = (pass: string) =>
        run('openssl', ['pkey', '-in', keyFile(), '-passin', `pass:${pass}`, '-noout', '-text']);
      assert.match((await openssl('a passphrase that is long enough')).stdout, /prime256v1/);
      await assert.rejects(openssl('another'));
    });

    it('does nothing with a wrong passphrase, and makes no key beside others: PASSPHRASE_WRONG', async () => {
      const wrong = words('not the passphrase of these keys');
      const locked = open({ root: wrong, issuing: wrong });
      const refused = { code: 'PASSPHRASE_WRONG' };
      assert.equal((await locked.keys()).length, 2);
      await assert.rejects(locked.signAk({ issuer: issuing, ak, now }), refused);
      await assert.rejects(locked.makeKey('another', 'issuing'), refused);
      assert.equal((await issuance.keys()).length, 2);
    });

    it("serves the day's work without the root's passphrase: ROOT_KEY_LOCKED for the root's alone", async () => {
      const daily = open({ issuing: passphrase });
      assert.ok((await daily.signAk({ issuer: issuing, ak, now })).der.length > 0);
      const keyId = (await daily.keys())[0]?.keyId ?? '';
      const locked = { code: 'ROOT_KEY_LOCKED' };
      await assert.rejects(
        daily.destroyKey('ab'.repeat(20), 'root'),
        locked,
        'it may lie elsewhere',
      );
      await daily.destroyKey('ab'.repeat(20), 'issuing');
      await assert.rejects(daily.signRoot({ keyId, now }), locked);
      await assert.rejects(daily.makeKey('r2/root', 'root'), locked);
    });

    it('refuses files that others can read, and damaged ones: KEY_FILE_MODE, KEY_FILE_MALFORMED', async () => {
      const whole = await readFile(keyFile(), 'utf8');
      const refuses = async (code: string) =>
        assert.rejects(open().signAk({ issuer: issuing, ak, now }), { code });
      await chmod(keyFile(), 0o640);
      await refuses('KEY_FILE_MODE');
      await chmod(keyFile(), 0o600);
      const other = await issuance.makeKey('other', 'issuing');
      const otherFile = join(dir, 'state/keys/issuing/other.key.pem');
      const privateOf = (pem: string) => pem.slice(pem.indexOf('-----BEGIN ENC'));
      const swapped = whole.replace(privateOf(whole), privateOf(await readFile(otherFile, 'utf8')));
      for (const damaged of [whole.slice(0, 300), `${whole}x`, '', swapped]) {
        await writeFile(keyFile(), damaged);
        await refuses('KEY_FILE_MALFORMED');
      }
      await writeFile(keyFile(), whole);
      await issuance.destroyKey(other.keyId, 'issuing');
      assert.ok((await open().signAk({ issuer: issuing, ak, now })).der.length > 0);
    });

    it('makes no second ekRef secret beside keys: STATE_INCOMPLETE', async () => {
      const secret = join(dir, 'state/ekref.secret');
      const bytes = await readFile(secret);
      const first = await issuance.ekRef(encodeName({ commonName: 'any' }));
      await rm(secret);
      await assert.rejects(issuance.ekRef(new Uint8Array(34)), { code: 'STATE_INCOMPLETE' });
      await writeFile(secret, bytes, { mode: 0o600 });
      assert.deepEqual(await issuance.ekRef(encodeName({ commonName: 'any' })), first);
    });
  });
});
