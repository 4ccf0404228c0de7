import assert from 'node:assert/strict';
import {
  akCertificateExtensions,
  encodeName,
  parseAkCertificate,
  parseRevocationList,
  type Revocation,
  revocationOf,
  revocationWarnings,
  verifyAkCertificate,
} from '@touchstone/endorsement';
import { makeAk, makeAkCertificate, makeIssuer } from './ak-fixtures.ts';
import { DAY_MS, makeCertificate, NOW } from './made-certificate.ts';
import {
  distributionPoints,
  makeRevocationList,
  type MadeListOptions,
} from './made-revocation-list.ts';
import { throwsCode } from './support.ts';

const ISSUER = makeIssuer('issuing');
const AK = makeAk();
const { claims: CLAIMS } = makeAkCertificate(ISSUER, AK);
const url = (n: number, keyId = ISSUER.keyId, host = 'ca.test') =>
  `https://${host}/v1/crls/${keyId}/${n}`;

/** A certificate that stands in the list of `where`; in partition 0 if that is absent. */
function certificateIn(where?: string) {
  const extensions = [
    ...akCertificateExtensions(CLAIMS),
    ...(where === undefined ? [] : [distributionPoints(where)]),
  ];
  const subject = encodeName({ commonName: AK.akName });
  const { der } = makeCertificate('ak', { issuer: ISSUER, keys: AK.keys, subject, extensions });
  return parseAkCertificate(der);
}

const NAMED = certificateIn(url(1));
const UNNAMED = certificateIn();
const revoking = ({ serial }: { serial: string }, options: MadeListOptions = {}) => ({
  ...options,
  entries: [{ serial: Buffer.from(serial, 'hex'), reason: 5 }],
});

function holding(options: MadeListOptions, graceSeconds = 3_600): Revocation {
  const list = parseRevocationList(makeRevocationList(ISSUER, options));
  return { lists: new Map([[list.place.key, { ...list, url: list.place.url }]]), graceSeconds };
}

const later = (ms: number) => new Date(NOW.getTime() + ms);
const kindOf = (certificate: typeof NAMED, revocation: Revocation, now = NOW) =>
  revocationOf(certificate, revocation, now).kind;
const problemsOf = (certificate: typeof NAMED, revocation: Revocation, now = NOW) =>
  verifyAkCertificate({
    ...{ certificate, revocation, now, akPublic: AK.akPublic },
    issuers: [{ keyId: ISSUER.keyId, certificate: ISSUER.der, state: 'active' }],
  }).map(({ code }) => code);

describe("A certificate's place among revocation lists", () => {
  it('is what it names, and partition 0 where it names none', () => {
    assert.deepEqual([NAMED.crl.partition, NAMED.crl.url], [1, url(1)]);
    assert.deepEqual([UNNAMED.crl.partition, UNNAMED.crl.url], [0, null]);
  });

  for (const [what, where] of [
    ["another issuer's", url(1, makeIssuer('other').keyId)],
    ['partition 0 by name', url(0)],
    ['a URL of another form', 'http://169.254.169.254/latest'],
    ['a number with a zero before it', `${url(0)}1`],
  ] as const) {
    it(`is not ${what}: AK_CERT_PROFILE`, () => {
      throwsCode(() => certificateIn(where), 'AK_CERT_PROFILE', 'cRLDistributionPoints');
    });
  }
});

describe('Whether a certificate is revoked', () => {
  it('is good where the list of its place is there and does not have it', () => {
    assert.equal(kindOf(NAMED, holding({ url: url(1) })), 'good');
    assert.equal(kindOf(UNNAMED, holding({})), 'good');
    assert.deepEqual(problemsOf(NAMED, holding({ url: url(1) })), []);
  });

  it('is revoked where that list has it, however old it is: AK_CERT_REVOKED', () => {
    for (const [certificate, options] of [
      [NAMED, { url: url(1) }],
      [UNNAMED, {}],
    ] as const) {
      const revocation = holding(revoking(certificate, options));
      assert.equal(kindOf(certificate, revocation), 'revoked');
      assert.equal(kindOf(certificate, revocation, later(90 * DAY_MS)), 'revoked');
      assert.deepEqual(problemsOf(certificate, revocation), ['AK_CERT_REVOKED']);
    }
  });

  it('is unknown without that list, whatever others say: AK_CERT_REVOCATION_UNKNOWN', () => {
    const none: Revocation = { lists: new Map(), graceSeconds: 3_600 };
    const others = [none, holding({ url: url(2) }), holding({ url: url(11) }), holding({})];
    for (const revocation of others) {
      assert.equal(kindOf(NAMED, revocation), 'unknown');
      assert.deepEqual(problemsOf(NAMED, revocation), ['AK_CERT_REVOCATION_UNKNOWN']);
    }
    assert.equal(kindOf(UNNAMED, holding({ url: url(1) })), 'unknown');
  });

  it('is unknown by a list of the same number under another URL', () => {
    const moved = holding({ url: url(1, ISSUER.keyId, 'ca.elsewhere') });
    assert.equal(kindOf(NAMED, moved), 'unknown');
  });

  it('is good for a while after the next update was due, and says so: AK_CERT_REVOCATION_STALE', () => {
    const revocation = holding({ url: url(1), nextUpdate: later(1_000) });
    const last = later(1_000 + 3_600_000);
    assert.deepEqual(revocationWarnings(NAMED, revocation, later(1_000)), []);
    for (const now of [later(1_001), last]) {
      assert.equal(kindOf(NAMED, revocation, now), 'overdue');
      assert.deepEqual(problemsOf(NAMED, revocation, now), []);
      const [warning] = revocationWarnings(NAMED, revocation, now);
      assert.equal(warning?.code, 'AK_CERT_REVOCATION_STALE');
      assert.match(warning.actual ?? '', new RegExp(last.toISOString()));
    }
  });

  it('is unknown after that while, and at no time: AK_CERT_REVOCATION_UNKNOWN', () => {
    const revocation = holding({ url: url(1), nextUpdate: later(1_000) });
    const over = later(1_001 + 3_600_000);
    assert.equal(kindOf(NAMED, revocation, over), 'unknown');
    assert.deepEqual(problemsOf(NAMED, revocation, over), ['AK_CERT_REVOCATION_UNKNOWN']);
    assert.equal(kindOf(NAMED, revocation, new Date(Number.NaN)), 'unknown');
    assert.deepEqual(revocationWarnings(NAMED, revocation, over), []);
  });
});
