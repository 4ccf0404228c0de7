import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  akCertificateExtensions,
  type AkCertificateInput,
  ASSURANCE_CLASSES,
  checkAkPublic,
  type EncodedExtension,
  encodeName,
  type Issuer,
  parseAkCertificate,
  TOUCHSTONE_OID,
  verifyAkCertificate,
} from '@touchstone/endorsement';
import { DER } from '../der-reader.ts';
import { derOf, encodeOid } from '../der-writer.ts';
import { makeAk, makeAkCertificate, makeIssuer, makeRsaAk } from './ak-fixtures.ts';
import {
  ca,
  CERT_SIGN,
  DAY_MS,
  extendedUsage,
  notCa,
  NOW,
  subjectKeyId,
  unknown,
  usage,
} from './made-certificate.ts';
import { hex, throwsCode, throwsOnlyParseErrors, toPem } from './support.ts';

const run = promisify(execFile);
const issuer = makeIssuer('Touchstone AK CA');
const ak = makeAk();
const issued = makeAkCertificate(issuer, ak);

describe('an AK certificate of the profile', () => {
  it('gives back what the CA put in', () => {
    const read = parseAkCertificate(issued.der);
    assert.equal(read.class, 'software');
    assert.equal(read.ekRef, hex(issued.claims.ekRef));
    assert.equal(hex(read.akQualifiedName), hex(issued.claims.akQualifiedName));
    assert.equal(read.issuerKeyId, issuer.keyId);
    assert.equal(read.akName, ak.akName);
    assert.deepEqual(read.spki, new Uint8Array(issued.spki));
    assert.ok(read.publicKey.equals(ak.keys.publicKey));
    assert.equal(read.notAfter.getTime(), NOW.getTime() + DAY_MS);
  });

  for (const name of ASSURANCE_CLASSES) {
    it(`carries the class ${name}`, () => {
      assert.equal(
        parseAkCertificate(makeAkCertificate(issuer, ak, { class: name }).der).class,
        name,
      );
    });
  }

  it('is read alike by node:crypto', () => {
    const [ours, theirs] = [parseAkCertificate(issued.der), new X509Certificate(issued.der)];
    assert.equal(theirs.serialNumber.toLowerCase(), ours.serial);
    assert.deepEqual(theirs.validToDate, ours.notAfter);
    assert.ok(theirs.publicKey.equals(ours.publicKey));
    assert.equal(theirs.ca, false);
    assert.deepEqual(theirs.keyUsage, ['2.23.133.8.3']);
    assert.ok(theirs.verify(new X509Certificate(issuer.der).publicKey));
  });

  it('is refused cut at any byte or with one more', () => {
    for (let length = 0; length < issued.der.length; length++) {
      throwsCode(() => parseAkCertificate(issued.der.subarray(0, length)), 'TRUNCATED');
    }
    const longer = Buffer.concat([issued.der, new Uint8Array(1)]);
    throwsCode(() => parseAkCertificate(longer), 'TRAILING_BYTES');
  });

  it('is never believed with any bit changed', () => {
    for (let bit = 0; bit < issued.der.length * 8; bit += 3) {
      const flipped = Uint8Array.from(issued.der);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      throwsOnlyParseErrors(() => {
        const certificate = parseAkCertificate(flipped);
        const problems = verifyAkCertificate({ ...believed, certificate });
        assert.notDeepEqual(problems, [], `bit ${bit}`);
      });
    }
  });

  describe('and openssl', () => {
    let dir: string;
    const file = (name: string) => join(dir, name);
    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'ts-ak-'));
      await writeFile(file('ak.pem'), toPem(issued.der));
      await writeFile(file('ca.pem'), toPem(issuer.der));
    });
    after(() => rm(dir, { recursive: true, force: true }));

    it('agree on who issued it', async () => {
      const time = String(NOW.getTime() / 1000);
      const args = ['verify', '-x509_strict', '-attime', time, '-CAfile', file('ca.pem')];
      const { stdout } = await run('openssl', [...args, file('ak.pem')]);
      assert.match(stdout, /: OK/);
    });

    it('agree on what it says', async () => {
      const { stdout } = await run('openssl', ['x509', '-in', file('ak.pem'), '-noout', '-text']);
      const lines = stdout.split('\n').map((line) => line.trim());
      const after = (title: string) => lines[lines.indexOf(title) + 1];
      assert.equal(after('X509v3 Basic Constraints: critical'), 'CA:FALSE');
      assert.equal(after('X509v3 Key Usage: critical'), 'Digital Signature');
      assert.equal(after('X509v3 Extended Key Usage:'), '2.23.133.8.3');
      assert.equal(
        after('X509v3 Certificate Policies:'),
        `Policy: ${TOUCHSTONE_OID.policySoftware}`,
      );
      const colons = (issuer.keyId.toUpperCase().match(/../g) ?? []).join(':');
      assert.equal(after('X509v3 Authority Key Identifier:'), colons);
      assert.ok(lines.includes(`${TOUCHSTONE_OID.ekRef}:`));
      assert.ok(lines.includes(`${TOUCHSTONE_OID.akQualifiedName}:`));
      assert.ok(lines.includes(`Subject: CN = ${ak.akName}`));
    });
  });
});

describe('a certificate off the profile', () => {
  const profile = akCertificateExtensions(issued.claims);
  const replaced = (extension: EncodedExtension) =>
    profile.map((one) => (one.oid === extension.oid ? extension : one));
  const without = (oid: string) => profile.filter((one) => one.oid !== oid);
  const policies = (...oids: string[]): EncodedExtension => ({
    oid: '2.5.29.32',
    critical: false,
    value: derOf(DER.sequence, ...oids.map((oid) => derOf(DER.sequence, encodeOid(oid)))),
  });
  const octets = (oid: string, length: number, critical = false): EncodedExtension => ({
    ...{ oid, critical },
    value: derOf(DER.octetString, new Uint8Array(length)),
  });

  const refused: [why: string, extensions: readonly EncodedExtension[]][] = [
    ['that is a CA', replaced(ca())],
    ['that is a CA and says it may sign certificates', replaced(ca()).with(1, CERT_SIGN)],
    ['without basicConstraints', without('2.5.29.19')],
    ['whose basicConstraints are not critical', replaced({ ...notCa, critical: false })],
    ['without keyUsage', without('2.5.29.15')],
    ['that signs certificates', replaced(usage(0x84))],
    ['that enciphers', replaced(usage(0x20))],
    ['for web servers', replaced(extendedUsage('1.3.6.1.5.5.7.3.1'))],
    ['for endorsement keys', replaced(extendedUsage('2.23.133.8.1'))],
    ['for a second purpose', replaced(extendedUsage('2.23.133.8.3', '1.3.6.1.5.5.7.3.1'))],
    ['for any purpose', replaced(extendedUsage('2.5.29.37.0'))],
    ['without a purpose', without('2.5.29.37')],
    ['without a class', without('2.5.29.32')],
    [
      'with two classes',
      replaced(policies(TOUCHSTONE_OID.policySoftware, TOUCHSTONE_OID.policyDiscrete)),
    ],
    [
      'with its class twice',
      replaced(policies(...Array<string>(2).fill(TOUCHSTONE_OID.policySoftware))),
    ],
    [
      'with a class and a foreign policy',
      replaced(policies(TOUCHSTONE_OID.policySoftware, '1.2.3')),
    ],
    ['with a policy that is no class', replaced(policies(`${TOUCHSTONE_OID.policy}.9`))],
    ['with any policy', replaced(policies('2.5.29.32.0'))],
    ['without ekRef', without(TOUCHSTONE_OID.ekRef)],
    ['with a short ekRef', replaced(octets(TOUCHSTONE_OID.ekRef, 31))],
    ['with an empty ekRef', replaced(octets(TOUCHSTONE_OID.ekRef, 0))],
    ['whose ekRef is critical', replaced(octets(TOUCHSTONE_OID.ekRef, 32, true))],
    ['without akQualifiedName', without(TOUCHSTONE_OID.akQualifiedName)],
    ['with a short akQualifiedName', replaced(octets(TOUCHSTONE_OID.akQualifiedName, 33))],
    ['without authorityKeyIdentifier', without('2.5.29.35')],
    ['without subjectKeyIdentifier', without('2.5.29.14')],
    ["with another key's identifier", replaced(subjectKeyId(Buffer.from(issuer.keyId, 'hex')))],
    ['with an unknown critical extension', [...profile, unknown(true)]],
    ['with an unknown extension', [...profile, unknown(false)]],
    ['with no extensions', []],
  ];
  for (const [why, extensions] of refused) {
    it(`is refused ${why}: AK_CERT_PROFILE`, () => {
      const { der } = makeAkCertificate(issuer, ak, { extensions });
      throwsCode(() => parseAkCertificate(der), 'AK_CERT_PROFILE');
    });
  }

  const subjects: [why: string, subject: Uint8Array][] = [
    ['that names no AK', encodeName({ commonName: 'host-1.example.org' })],
    ['that names more than the AK', encodeName({ commonName: ak.akName, organizationName: 'x' })],
    ['without a subject', derOf(DER.sequence)],
  ];
  for (const [why, subject] of subjects) {
    it(`is refused ${why}: AK_CERT_PROFILE`, () => {
      const { der } = makeAkCertificate(issuer, ak, { subject });
      throwsCode(() => parseAkCertificate(der), 'AK_CERT_PROFILE', 'subject');
    });
  }

  it('is refused with an extension twice: DUPLICATE_EXTENSION', () => {
    const extensions = [...profile, octets(TOUCHSTONE_OID.ekRef, 32)];
    const { der } = makeAkCertificate(issuer, ak, { extensions });
    throwsCode(() => parseAkCertificate(der), 'DUPLICATE_EXTENSION');
  });
});

const entry = (made: typeof issuer, state: Issuer['state']): Issuer => ({
  ...{ keyId: made.keyId, certificate: made.der, state },
});
const believed: AkCertificateInput = {
  certificate: parseAkCertificate(issued.der),
  akPublic: ak.akPublic,
  issuers: [entry(makeIssuer('Another CA'), 'active'), entry(issuer, 'active')],
  now: NOW,
};

describe('verifyAkCertificate', () => {
  const refusals = (change: Partial<typeof believed>) =>
    verifyAkCertificate({ ...believed, ...change }).map(({ code }) => code);

  it('believes a certificate for this AK of an active issuer', () => {
    assert.deepEqual(refusals({}), []);
  });

  it('believes one for an RSA AK, and for no other RSA AK', () => {
    const rsa = makeRsaAk();
    const certificate = parseAkCertificate(makeAkCertificate(issuer, rsa).der);
    assert.deepEqual(checkAkPublic(rsa.akPublic), []);
    assert.deepEqual(refusals({ certificate, akPublic: rsa.akPublic }), []);
    assert.deepEqual(refusals({ certificate, akPublic: makeRsaAk().akPublic }), [
      'AK_CERT_KEY_MISMATCH',
    ]);
    assert.deepEqual(refusals({ certificate }), ['AK_CERT_KEY_MISMATCH']);
  });

  it('believes one of an issuer that issues no more', () => {
    assert.deepEqual(refusals({ issuers: [entry(issuer, 'verify-only')] }), []);
  });

  it('refuses one of a refused issuer, even if it is listed again: AK_CERT_ISSUER_REFUSED', () => {
    const issuers = [entry(issuer, 'active'), entry(issuer, 'refused')];
    assert.deepEqual(refusals({ issuers }), ['AK_CERT_ISSUER_REFUSED']);
  });

  it('refuses one of an issuer that is not listed: AK_CERT_ISSUER_UNKNOWN', () => {
    assert.deepEqual(refusals({ issuers: [] }), ['AK_CERT_ISSUER_UNKNOWN']);
    assert.deepEqual(refusals({ issuers: believed.issuers.slice(0, 1) }), [
      'AK_CERT_ISSUER_UNKNOWN',
    ]);
  });

  it('refuses one of an issuer in a state it does not know: AK_CERT_ISSUER_UNKNOWN', () => {
    const issuers = [{ ...entry(issuer, 'active'), state: 'retired' as Issuer['state'] }];
    assert.deepEqual(refusals({ issuers }), ['AK_CERT_ISSUER_UNKNOWN']);
  });

  it('refuses one that lies about its issuer: AK_CERT_SIGNATURE_INVALID', () => {
    const liar = { ...makeIssuer(issuer.name), keyId: issuer.keyId };
    const certificate = parseAkCertificate(makeAkCertificate(liar, ak).der);
    assert.deepEqual(refusals({ certificate }), ['AK_CERT_SIGNATURE_INVALID']);
  });

  it('refuses one that it believed, once its issuer is said to have another key: AK_CERT_SIGNATURE_INVALID', () => {
    assert.deepEqual(refusals({}), []);
    const id = subjectKeyId(Buffer.from(issuer.keyId, 'hex'));
    const other = makeIssuer(issuer.name, { extensions: [ca(), CERT_SIGN, id] });
    const issuers: Issuer[] = [{ keyId: issuer.keyId, certificate: other.der, state: 'active' }];
    assert.deepEqual(refusals({ issuers }), ['AK_CERT_SIGNATURE_INVALID']);
  });

  it("refuses one that names its issuer's key and not its name: AK_CERT_ISSUER_INVALID", () => {
    const renamed = { ...issuer, name: 'Somebody else' };
    const certificate = parseAkCertificate(makeAkCertificate(renamed, ak).der);
    assert.deepEqual(refusals({ certificate }), ['AK_CERT_ISSUER_INVALID']);
  });

  it('refuses an issuer that is listed and may not issue: AK_CERT_ISSUER_INVALID', () => {
    const other = makeIssuer('Another CA');
    const old = makeIssuer('Old CA', {
      notBefore: new Date(NOW.getTime() - 2 * DAY_MS),
      notAfter: new Date(NOW.getTime() - DAY_MS),
    });
    const id = subjectKeyId(Buffer.from(issuer.keyId, 'hex'));
    const noCa = makeIssuer(issuer.name, { extensions: [notCa, CERT_SIGN, id] });
    const noSign = makeIssuer(issuer.name, { extensions: [ca(), usage(0x02), id] });
    const cases: Issuer[] = [
      { keyId: issuer.keyId, certificate: other.der, state: 'active' },
      { keyId: issuer.keyId, certificate: noCa.der, state: 'active' },
      { keyId: issuer.keyId, certificate: noSign.der, state: 'active' },
      { keyId: issuer.keyId, certificate: new Uint8Array(10), state: 'active' },
    ];
    for (const listed of cases) {
      assert.deepEqual(refusals({ issuers: [listed] }), ['AK_CERT_ISSUER_INVALID']);
    }
    const certificate = parseAkCertificate(makeAkCertificate(old, ak).der);
    const issuers = [entry(old, 'active')];
    assert.deepEqual(refusals({ certificate, issuers }), ['AK_CERT_ISSUER_INVALID']);
  });

  it('refuses one outside its validity (Q22): AK_CERT_EXPIRED, AK_CERT_NOT_YET_VALID', () => {
    const day = (days: number) => new Date(NOW.getTime() + days * DAY_MS);
    const brief = makeAkCertificate(issuer, ak, { notBefore: day(-0.5), notAfter: day(0.5) });
    const certificate = parseAkCertificate(brief.der);
    assert.deepEqual(refusals({ certificate, now: day(0.5) }), []);
    assert.deepEqual(refusals({ certificate, now: day(0.6) }), ['AK_CERT_EXPIRED']);
    assert.deepEqual(refusals({ certificate, now: day(-0.6) }), ['AK_CERT_NOT_YET_VALID']);
  });

  it('refuses everything when there is no time', () => {
    assert.ok(refusals({ now: new Date(NaN) }).includes('AK_CERT_EXPIRED'));
  });

  it('refuses one for another AK: AK_CERT_KEY_MISMATCH', () => {
    assert.deepEqual(refusals({ akPublic: makeAk().akPublic }), ['AK_CERT_KEY_MISMATCH']);
  });

  it('refuses one that has the Name and not the key: AK_CERT_KEY_MISMATCH', () => {
    const other = { ...makeAk(), akName: ak.akName };
    const certificate = parseAkCertificate(makeAkCertificate(issuer, other).der);
    assert.deepEqual(refusals({ certificate }), ['AK_CERT_KEY_MISMATCH']);
  });

  it('refuses one over the same key with other attributes: AK_CERT_KEY_MISMATCH', () => {
    const unrestricted = ak.akPublic.objectAttributes & ~(1 << 16);
    const akPublic = { ...ak.akPublic, objectAttributes: unrestricted };
    assert.deepEqual(refusals({ akPublic }), ['AK_CERT_KEY_MISMATCH']);
  });
});
