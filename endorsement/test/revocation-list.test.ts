import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseRevocationList, verifyRevocationList } from '@touchstone/endorsement';
import { contextConstructed, contextPrimitive, DER } from '../der-reader.ts';
import { derOf } from '../der-writer.ts';
import { makeIssuer } from './ak-fixtures.ts';
import { ca, CERT_SIGN, DAY_MS, NOW, subjectKeyId } from './made-certificate.ts';
import { makeRevocationList, type MadeListOptions, pointName } from './made-revocation-list.ts';
import { throwsCode, throwsOnlyParseErrors, toPem } from './support.ts';

const run = promisify(execFile);
const ISSUER = makeIssuer('issuing');
const OTHER = makeIssuer('other');
const url = (n: number, keyId = ISSUER.keyId) => `https://ca.test:8444/v1/crls/${keyId}/${n}`;
const serial = (n: number) => Uint8Array.of(0x41, n >> 16, (n >> 8) & 0xff, n & 0xff);
const list = (options: MadeListOptions = {}) =>
  makeRevocationList(ISSUER, { url: url(1), ...options });
const idp = (critical: boolean, ...value: Uint8Array[]) => ({
  ...{ oid: '2.5.29.28', critical },
  value: derOf(DER.sequence, ...value),
});

describe('A revocation list (RFC 5280, 5)', () => {
  it('says its place, its number, its times and what is revoked for which reason', () => {
    const entries = [{ serial: serial(1), reason: 1 }, { serial: serial(2) }];
    const read = parseRevocationList(list({ number: 300, entries }));
    assert.equal(read.place.key, `${ISSUER.keyId}/1`);
    assert.equal(read.place.url, url(1));
    assert.equal(read.number, 300n);
    assert.deepEqual(read.nextUpdate, new Date(NOW.getTime() + DAY_MS));
    assert.deepEqual(
      [...read.revoked],
      [
        ['41000001', { at: NOW, reason: 'keyCompromise' }],
        ['41000002', { at: NOW, reason: 'unspecified' }],
      ],
    );
  });

  it('is of partition 0 where it names no distribution point', () => {
    const { place } = parseRevocationList(list({ url: undefined }));
    assert.deepEqual([place.partition, place.url], [0, null]);
  });

  it('has 2,000 entries and not one more: TOO_LARGE', () => {
    const entries = Array.from({ length: 2_001 }, (_, n) => ({ serial: serial(n), reason: 5 }));
    const full = parseRevocationList(list({ entries: entries.slice(1) }));
    assert.equal(full.revoked.size, 2_000);
    throwsCode(() => parseRevocationList(list({ entries })), 'TOO_LARGE', 'revokedCertificates');
  });

  it('is of at most 256 KiB: TOO_LARGE', () => {
    throwsCode(() => parseRevocationList(new Uint8Array(262_145)), 'TOO_LARGE');
  });

  const refused: { given: string; options: MadeListOptions; code: string; field?: string }[] = [
    {
      given: 'a delta list',
      options: {
        extensions: [
          { oid: '2.5.29.27', critical: true, value: derOf(DER.integer, Uint8Array.of(1)) },
        ],
      },
      code: 'CRL_PROFILE',
      field: '2.5.29.27',
    },
    {
      given: 'an unknown critical extension',
      options: { extensions: [{ oid: '1.2.3.4', critical: true, value: derOf(DER.null) }] },
      code: 'CRL_PROFILE',
    },
    {
      given: 'an issuing distribution point that is not critical',
      options: { extensions: [idp(false, pointName(url(1)))] },
      code: 'CRL_PROFILE',
    },
    {
      given: 'an indirect list',
      options: {
        extensions: [idp(true, pointName(url(1)), derOf(contextPrimitive(4), Uint8Array.of(0xff)))],
      },
      code: 'TRAILING_BYTES',
    },
    {
      given: 'a list of some reasons only',
      options: {
        extensions: [idp(true, pointName(url(1)), derOf(contextPrimitive(3), Uint8Array.of(1, 6)))],
      },
      code: 'TRAILING_BYTES',
    },
    {
      given: 'two URLs',
      options: { extensions: [idp(true, pointName(url(1), url(2)))] },
      code: 'TRAILING_BYTES',
    },
    {
      given: 'a name relative to the issuer',
      options: {
        extensions: [idp(true, derOf(contextConstructed(0), derOf(contextConstructed(1))))],
      },
      code: 'BAD_DER',
    },
    {
      given: "another issuer's place",
      options: { url: url(1, OTHER.keyId) },
      code: 'CRL_PROFILE',
      field: 'issuingDistributionPoint',
    },
    { given: 'a URL of another form', options: { url: 'file:///crl' }, code: 'CRL_PROFILE' },
    { given: 'partition 0 by name', options: { url: url(0) }, code: 'CRL_PROFILE' },
    { given: 'no number', options: { without: ['2.5.29.20'] }, code: 'CRL_PROFILE' },
    { given: 'no authority key id', options: { without: ['2.5.29.35'] }, code: 'CRL_PROFILE' },
    { given: 'no next update', options: { nextUpdate: undefined }, code: 'CRL_PROFILE' },
    {
      given: 'a next update that is not later',
      options: { thisUpdate: NOW, nextUpdate: NOW },
      code: 'CRL_PROFILE',
    },
    { given: 'version 1', options: { version: 0 }, code: 'CRL_PROFILE' },
    {
      given: 'one certificate twice',
      options: { entries: [{ serial: serial(1) }, { serial: serial(1) }] },
      code: 'CRL_PROFILE',
    },
    {
      given: 'an entry that takes another back',
      options: { entries: [{ serial: serial(1), reason: 8 }] },
      code: 'CRL_PROFILE',
    },
    {
      given: 'an entry of another issuer',
      options: {
        entries: [
          {
            serial: serial(1),
            extensions: [{ oid: '2.5.29.29', critical: true, value: derOf(DER.sequence) }],
          },
        ],
      },
      code: 'CRL_PROFILE',
    },
  ];
  for (const { given, options, code, field } of refused) {
    it(`refuses ${given}: ${code}`, () => {
      throwsCode(() => parseRevocationList(list(options)), code, field);
    });
  }

  it('refuses an empty list of entries, a trailing byte, and a flag that is said twice', () => {
    const der = list();
    throwsCode(() => parseRevocationList(Buffer.concat([der, Uint8Array.of(0)])), 'TRAILING_BYTES');
    const twice = idp(true, pointName(url(1)));
    throwsCode(
      () => parseRevocationList(list({ extensions: [twice, twice] })),
      'DUPLICATE_EXTENSION',
    );
  });

  it('throws nothing but ParseError, wherever it is cut or changed', () => {
    const der = list({ entries: [{ serial: serial(1), reason: 4 }] });
    for (let at = 0; at < der.length; at += 1) {
      throwsOnlyParseErrors(() => parseRevocationList(der.subarray(0, at)));
      const changed = Uint8Array.from(der);
      changed[at] = (changed[at] ?? 0) ^ 0x21;
      throwsOnlyParseErrors(() => parseRevocationList(changed));
    }
  });

  it('is read by openssl, to the last entry', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'ts-crl-'));
    try {
      const [file, issuer] = [join(dir, 'crl.der'), join(dir, 'issuer.pem')];
      await writeFile(file, list({ entries: [{ serial: serial(7), reason: 1 }] }));
      await writeFile(issuer, toPem(ISSUER.der));
      const read = ['crl', '-inform', 'DER', '-in', file, '-noout', '-text', '-CAfile', issuer];
      const { stdout, stderr } = await run('openssl', read);
      assert.match(stderr, /verify OK/);
      assert.match(stdout, /Serial Number: 41000007/);
      assert.match(stdout, /X509v3 Issuing Distrib\w+ Point: critical/);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

describe('Whether a revocation list is to be believed', () => {
  const issuers = [{ keyId: ISSUER.keyId, certificate: ISSUER.der, state: 'active' as const }];
  const problems = (der: Uint8Array, changed: object = {}) =>
    verifyRevocationList({
      ...{ list: parseRevocationList(der), issuers, now: NOW, skewSeconds: 300 },
      ...changed,
    }).map(({ code }) => code);

  it('is, from an issuer that issues or that is still believed', () => {
    assert.deepEqual(problems(list()), []);
    const [issuer] = issuers;
    assert.deepEqual(problems(list(), { issuers: [{ ...issuer, state: 'verify-only' }] }), []);
  });

  it('is, when it is overdue: for how long it still counts is another question', () => {
    const now = new Date(NOW.getTime() + 90 * DAY_MS);
    assert.deepEqual(problems(list(), { now }), []);
  });

  it('is not, of an issuer that is refused or on no list: CRL_ISSUER_UNKNOWN', () => {
    const [issuer] = issuers;
    const refused = { issuers: [{ ...issuer, state: 'refused' }] };
    assert.deepEqual(problems(list(), refused), ['CRL_ISSUER_UNKNOWN']);
    assert.deepEqual(problems(list(), { issuers: [] }), ['CRL_ISSUER_UNKNOWN']);
    const foreign = makeRevocationList(OTHER, { url: url(1, OTHER.keyId) });
    assert.deepEqual(problems(foreign), ['CRL_ISSUER_UNKNOWN']);
  });

  it('is not, under the name of another: CRL_ISSUER_INVALID', () => {
    assert.deepEqual(problems(list({ name: 'other' })), ['CRL_ISSUER_INVALID']);
  });

  it('is not, of an issuer whose certificate does not let it sign lists: CRL_ISSUER_INVALID', () => {
    const extensions = [ca(), CERT_SIGN, subjectKeyId(Buffer.from(ISSUER.keyId, 'hex'))];
    const keys = { publicKey: createPublicKey(ISSUER.key), privateKey: ISSUER.key };
    const weak = makeIssuer('issuing', { keys, extensions });
    const certificate = weak.der;
    assert.deepEqual(problems(list(), { issuers: [{ ...issuers[0], certificate }] }), [
      'CRL_ISSUER_INVALID',
    ]);
  });

  it('is not, signed by another or changed: CRL_SIGNATURE_INVALID', () => {
    assert.deepEqual(problems(list({ signer: OTHER })), ['CRL_SIGNATURE_INVALID']);
    const der = list({ entries: [{ serial: serial(7) }] });
    const at = Buffer.from(der).indexOf(Buffer.from(serial(7)));
    der[at + 3] = 8;
    assert.deepEqual(problems(der), ['CRL_SIGNATURE_INVALID']);
  });

  it('is not, from the future by more than clocks differ: CRL_NOT_YET_VALID', () => {
    const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1_000);
    assert.deepEqual(problems(list({ thisUpdate: at(300) })), []);
    assert.deepEqual(problems(list({ thisUpdate: at(301) })), ['CRL_NOT_YET_VALID']);
    const now = new Date(Number.NaN);
    assert.deepEqual(problems(list(), { now }), ['CRL_NOT_YET_VALID']);
  });
});
