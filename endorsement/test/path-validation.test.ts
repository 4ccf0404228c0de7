import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkEkCertificate, encodeName, validatePath } from '@touchstone/endorsement';
import {
  authorityKeyId,
  ca,
  CERT_SIGN,
  CRL_SIGN,
  DAY_MS,
  extendedUsage,
  type Made,
  makeCertificate,
  nameConstraints,
  notCa,
  NOW,
  subjectKeyId,
  unknown,
} from './made-certificate.ts';
import { toPem } from './support.ts';

const run = promisify(execFile);
const EK_USAGE = extendedUsage('2.23.133.8.1');

const root = makeCertificate('root');
const intermediate = makeCertificate('intermediate', { issuer: root });
const leafOf = (issuer: Made) => makeCertificate('leaf', { issuer, extensions: [notCa, EK_USAGE] });
const before = new Date(NOW.getTime() - 2 * DAY_MS);

function validate(leaf: Made, intermediates: readonly Made[], now = NOW, roots = [root]) {
  return validatePath({ leaf, intermediates, roots, now, kind: 'ek' });
}

function refusals(...args: Parameters<typeof validate>): string[] {
  const verdict = validate(...args);
  return verdict.ok
    ? []
    : verdict.findings.map(({ code, subject }) => `${code} ${subject.replace('CN=', '')}`);
}

describe('a certification path', () => {
  const leaf = leafOf(intermediate);

  it('is accepted from leaf to root, whatever the order and company of the intermediates', () => {
    const stranger = makeCertificate('stranger');
    const verdict = validate(leaf, [stranger, intermediate]);
    assert.ok(verdict.ok);
    assert.deepEqual(verdict.root, root.der);
    assert.deepEqual(verdict.chain, [leaf.der, intermediate.der, root.der]);
  });

  it('is accepted straight below the root', () => {
    assert.deepEqual(refusals(leafOf(root), []), []);
  });

  it('ends at no root that was not given: EK_UNTRUSTED_ROOT', () => {
    assert.deepEqual(refusals(leaf, []), ['EK_UNTRUSTED_ROOT leaf']);
    assert.deepEqual(refusals(leaf, [intermediate, root], NOW, []), ['EK_UNTRUSTED_ROOT leaf']);
  });

  it('is no path where the leaf is its own root: EK_UNTRUSTED_ROOT', () => {
    const codes = ['EK_UNTRUSTED_ROOT root', 'EK_CERT_PROFILE root'];
    assert.deepEqual(refusals(root, [], NOW, [root]), codes);
  });

  it('is refused for what the leaf itself is, though its root is unknown (I15): EXT_CRITICAL', () => {
    const odd = makeCertificate('leaf', { issuer: root, extensions: [notCa, unknown(true)] });
    assert.deepEqual(refusals(odd, [], NOW, []), ['EK_UNTRUSTED_ROOT leaf', 'EXT_CRITICAL leaf']);
    assert.deepEqual(
      checkEkCertificate(odd.der, NOW).map(({ code }) => code),
      ['EXT_CRITICAL'],
    );
    assert.deepEqual(checkEkCertificate(leaf.der, NOW), []);
    assert.deepEqual(
      checkEkCertificate(leaf.der, new Date(0)).map(({ code }) => code),
      ['CERT_NOT_YET_VALID'],
    );
  });

  it("is found through any number of intermediates of one's own, which are trusted for nothing", () => {
    const collected = [
      ...Array.from({ length: 40 }, (_, i) => makeCertificate(`${i}`)),
      intermediate,
    ];
    const input = { leaf: leaf.der, intermediates: [], collected, now: NOW, kind: 'ek' } as const;
    assert.ok(validatePath({ ...input, roots: [root] }).ok);
    assert.ok(!validatePath({ ...input, roots: [] }).ok);
  });

  it('ends at the root given and not at another of its name: CERT_SIGNATURE_INVALID', () => {
    const namesake = makeCertificate('root');
    assert.deepEqual(refusals(leaf, [intermediate], NOW, [namesake]), [
      'CERT_SIGNATURE_INVALID root',
    ]);
    assert.deepEqual(refusals(leaf, [intermediate], NOW, [namesake, root]), []);
  });

  it('is held together by signatures: CERT_SIGNATURE_INVALID', () => {
    const forged = makeCertificate('leaf', {
      ...{ issuer: intermediate, signer: makeCertificate('intermediate') },
      extensions: [notCa],
    });
    assert.deepEqual(refusals(forged, [intermediate]), ['CERT_SIGNATURE_INVALID intermediate']);
  });

  it('is refused under a key that is too short: CERT_SIGNATURE_WEAK', () => {
    const rsa = (modulusLength: number) => {
      const keys = generateKeyPairSync('rsa', { modulusLength });
      return makeCertificate('rsa', { keys });
    };
    const [short, long] = [rsa(1024), rsa(2048)];
    assert.deepEqual(refusals(leafOf(short), [], NOW, [short]), ['CERT_SIGNATURE_WEAK rsa']);
    assert.deepEqual(refusals(leafOf(long), [], NOW, [long]), []);
  });

  it('is refused where the algorithm is not one for the key: CERT_SIGNATURE_INVALID', () => {
    const rsa = makeCertificate('rsa', {
      keys: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    });
    const confused = makeCertificate('leaf', { issuer: rsa, signer: root, extensions: [notCa] });
    assert.deepEqual(refusals(confused, [], NOW, [rsa]), ['CERT_SIGNATURE_INVALID rsa']);
  });

  it('is refused when issued by a leaf (I18): ISSUER_NOT_CA', () => {
    const impostor = makeCertificate('impostor', { issuer: root, extensions: [notCa, CERT_SIGN] });
    assert.deepEqual(refusals(leafOf(impostor), [impostor]), ['ISSUER_NOT_CA impostor']);
    const silent = makeCertificate('silent', { issuer: root, extensions: [CERT_SIGN] });
    assert.deepEqual(refusals(leafOf(silent), [silent]), ['ISSUER_NOT_CA silent']);
  });

  it('is refused when an issuer may not sign certificates (I18): ISSUER_MAY_NOT_SIGN', () => {
    const clerk = makeCertificate('clerk', { issuer: root, extensions: [ca(), CRL_SIGN] });
    assert.deepEqual(refusals(leafOf(clerk), [clerk]), ['ISSUER_MAY_NOT_SIGN clerk']);
  });

  it('is refused when longer than a CA allows (I18): PATHLEN_EXCEEDED', () => {
    const last = makeCertificate('last', { issuer: root, extensions: [ca(0), CERT_SIGN] });
    assert.deepEqual(refusals(leafOf(last), [last]), []);
    const beyond = makeCertificate('beyond', { issuer: last });
    assert.deepEqual(refusals(leafOf(beyond), [beyond, last]), ['PATHLEN_EXCEEDED last']);
  });

  it("is refused when longer than the root's own pathLen: PATHLEN_EXCEEDED", () => {
    const strict = makeCertificate('strict', { extensions: [ca(0), CERT_SIGN] });
    const below = makeCertificate('below', { issuer: strict });
    assert.deepEqual(refusals(leafOf(strict), [], NOW, [strict]), []);
    assert.deepEqual(refusals(leafOf(below), [below], NOW, [strict]), ['PATHLEN_EXCEEDED strict']);
  });

  it('is not made longer by a self-issued certificate', () => {
    const old = makeCertificate('rolling', { extensions: [ca(0), CERT_SIGN] });
    const renewed = makeCertificate('rolling', { issuer: old });
    assert.deepEqual(refusals(leafOf(renewed), [renewed], NOW, [old]), []);
  });

  it('is refused with a critical extension that is not known (I15): EXT_CRITICAL', () => {
    const odd = makeCertificate('odd', { issuer: root, extensions: [notCa, unknown(true)] });
    assert.deepEqual(refusals(odd, []), ['EXT_CRITICAL odd']);
    const harmless = makeCertificate('odd', { issuer: root, extensions: [notCa, unknown(false)] });
    assert.deepEqual(refusals(harmless, []), []);
    const above = makeCertificate('above', {
      ...{ issuer: root, extensions: [ca(), CERT_SIGN, unknown(true)] },
    });
    assert.deepEqual(refusals(leafOf(above), [above]), ['EXT_CRITICAL above']);
  });

  it('is refused with name constraints, critical or not: EXT_CRITICAL', () => {
    for (const critical of [true, false]) {
      const extensions = [ca(), CERT_SIGN, nameConstraints(critical)];
      const bound = makeCertificate('bound', { issuer: root, extensions });
      assert.deepEqual(refusals(leafOf(bound), [bound]), ['EXT_CRITICAL bound']);
    }
  });

  it('is refused outside the validity of any part: CERT_EXPIRED, CERT_NOT_YET_VALID', () => {
    const ended = { notBefore: before, notAfter: new Date(NOW.getTime() - 2000) };
    const old = makeCertificate('old', { issuer: root, ...ended });
    const over = makeCertificate('leaf', { issuer: root, extensions: [notCa], ...ended });
    assert.deepEqual(refusals(over, []), ['CERT_EXPIRED leaf']);
    const since = makeCertificate('since', {
      ...{ issuer: old, extensions: [notCa], notBefore: new Date(NOW.getTime() - 1000) },
    });
    assert.deepEqual(refusals(since, [old]), ['CERT_EXPIRED old']);
    assert.deepEqual(refusals(leafOf(root), [], before), [
      'CERT_NOT_YET_VALID leaf',
      'CERT_NOT_YET_VALID root',
    ]);
    assert.deepEqual(refusals(leafOf(root), [], new Date(NaN)).length, 2);
  });

  it('is good where an issuer has ended since, or the root, and that is noted: expired-issuer', () => {
    const soon = new Date(NOW.getTime() - 1000);
    const began = { notBefore: before, notAfter: soon };
    const old = makeCertificate('old', { ...began });
    const between = makeCertificate('between', { issuer: old, ...began });
    const below = makeCertificate('leaf', {
      ...{ issuer: between, extensions: [notCa], notBefore: new Date(soon.getTime() - 1000) },
    });
    for (const [roots, sent] of [
      [[old], [between]],
      [[between], []],
    ]) {
      const verdict = validate(below, sent ?? [], NOW, roots);
      assert.deepEqual(verdict.ok && verdict.quirks, ['expired-issuer']);
    }
    const fresh = validate(leafOf(root), []);
    assert.deepEqual(fresh.ok && fresh.quirks, []);
  });

  it('is refused through an issuer that had ended, or not begun, before the one below: CERT_EXPIRED', () => {
    const short = makeCertificate('short', {
      ...{ issuer: root, notBefore: before, notAfter: new Date(before.getTime() + 1000) },
    });
    assert.deepEqual(refusals(leafOf(short), [short]), ['CERT_EXPIRED short']);
    const early = makeCertificate('leaf', {
      ...{ issuer: short, extensions: [notCa], notBefore: new Date(before.getTime() - 1000) },
    });
    assert.deepEqual(refusals(early, [short]), ['CERT_EXPIRED short']);
  });

  it('is refused where an issuer that has ended did not sign it, whatever its dates', () => {
    const ended = { notBefore: before, notAfter: new Date(NOW.getTime() - 1000) };
    const old = makeCertificate('old', { issuer: root, ...ended });
    const forged = makeCertificate('leaf', {
      ...{ issuer: old, signer: makeCertificate('old'), extensions: [notCa] },
      notBefore: new Date(before.getTime() + 1000),
    });
    assert.deepEqual(refusals(forged, [old]), ['CERT_SIGNATURE_INVALID old']);
  });

  it('is refused through a CA for other things: ISSUER_USAGE', () => {
    const web = extendedUsage('1.3.6.1.5.5.7.3.1');
    const other = makeCertificate('web', { issuer: root, extensions: [ca(), CERT_SIGN, web] });
    assert.deepEqual(refusals(leafOf(other), [other]), ['ISSUER_USAGE web']);
  });

  it('is refused for a leaf that is no EK certificate: EK_CERT_PROFILE', () => {
    assert.deepEqual(refusals(intermediate, []), ['EK_CERT_PROFILE intermediate']);
    const platform = extendedUsage('2.23.133.8.2');
    const other = makeCertificate('board', { issuer: root, extensions: [notCa, platform] });
    assert.deepEqual(refusals(other, []), ['EK_CERT_PROFILE board']);
  });

  it('names every fault and not only the first', () => {
    const bad = makeCertificate('bad', {
      ...{ issuer: root, notBefore: before, notAfter: before },
      extensions: [notCa, CRL_SIGN, unknown(true)],
    });
    assert.deepEqual(refusals(leafOf(bad), [bad]).toSorted(), [
      'CERT_EXPIRED bad',
      'EXT_CRITICAL bad',
      'ISSUER_MAY_NOT_SIGN bad',
      'ISSUER_NOT_CA bad',
    ]);
  });

  it('names a leaf without a subject by its serial number', () => {
    const subject = Uint8Array.of(0x30, 0x00);
    const nameless = makeCertificate('', { issuer: root, subject, extensions: [unknown(true)] });
    assert.match(refusals(nameless, [])[0] ?? '', /^EXT_CRITICAL serial 41/);
  });

  it('follows the key identifiers among issuers of one name: EK_UNTRUSTED_ROOT', () => {
    const twin = (id: number) => {
      const extensions = [ca(), CERT_SIGN, subjectKeyId(Uint8Array.of(id))];
      return makeCertificate('twin', { issuer: root, extensions });
    };
    const [one, two] = [twin(1), twin(2)];
    const child = makeCertificate('leaf', {
      ...{ issuer: one, extensions: [notCa, authorityKeyId(Uint8Array.of(1))] },
    });
    assert.deepEqual(refusals(child, [two, one]), []);
    assert.deepEqual(refusals(child, [two]), ['EK_UNTRUSTED_ROOT leaf']);
  });

  it('takes a root that is sent along for no forgery of a trusted one of its name: EK_UNTRUSTED_ROOT', () => {
    const called = (id: number) =>
      makeCertificate('root', { extensions: [ca(), CERT_SIGN, subjectKeyId(Uint8Array.of(id))] });
    const [theirs, trusted] = [called(1), called(2)];
    const extensions = [ca(), CERT_SIGN, authorityKeyId(Uint8Array.of(1))];
    const issuer = makeCertificate('issuer', { issuer: theirs, extensions });
    const sent = [issuer, theirs];
    assert.deepEqual(refusals(leafOf(issuer), sent, NOW, [trusted]), ['EK_UNTRUSTED_ROOT leaf']);
    assert.deepEqual(refusals(leafOf(issuer), sent, NOW, [trusted, theirs]), []);
  });

  it('comes to an end among names that go in circles: EK_UNTRUSTED_ROOT', () => {
    const a = makeCertificate('a');
    const ab = makeCertificate('b', { issuer: a });
    const ba = makeCertificate('a', { issuer: ab });
    assert.deepEqual(refusals(leafOf(ba), [ab, ba]), ['EK_UNTRUSTED_ROOT leaf']);
  });

  it('is not searched for without end: PATH_TOO_COMPLEX', () => {
    const signer = makeCertificate('somebody');
    const twins = Array.from({ length: 16 }, () =>
      makeCertificate('root', { issuer: root, signer }),
    );
    assert.deepEqual(refusals(leafOf(root), twins), ['PATH_TOO_COMPLEX leaf']);
    assert.deepEqual(refusals(leaf, [...twins, intermediate]), ['PATH_TOO_COMPLEX leaf']);
  });

  it('compares names as RFC 5280, 7.1 does', () => {
    const shouting = makeCertificate('leaf', {
      issuer: { ...root, name: '  ROOT ' },
      extensions: [notCa],
    });
    assert.deepEqual(refusals(shouting, []), []);
  });

  it('takes no empty name for an issuer: EK_UNTRUSTED_ROOT', () => {
    const nobody = makeCertificate('nobody', { subject: Uint8Array.of(0x30, 0x00) });
    const orphan = makeCertificate('orphan', { issuer: nobody, extensions: [notCa] });
    assert.deepEqual(refusals(orphan, [], NOW, [nobody]), ['EK_UNTRUSTED_ROOT orphan']);
  });
});

describe('openssl verify, asked about the same paths', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-path-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  async function opensslAccepts(leaf: Made, intermediates: readonly Made[]): Promise<boolean> {
    const file = async (name: string, certificates: readonly Made[]) => {
      await writeFile(join(dir, name), certificates.map(({ der }) => toPem(der)).join(''));
      return join(dir, name);
    };
    const args = ['verify', '-attime', String(NOW.getTime() / 1000), '-no-CApath', '-no-CAstore'];
    args.push('-CAfile', await file('root', [root]));
    if (intermediates.length > 0) args.push('-untrusted', await file('between', intermediates));
    args.push(await file('leaf', [leaf]));
    return run('openssl', args).then(
      () => true,
      () => false,
    );
  }

  const last = makeCertificate('last', { issuer: root, extensions: [ca(0), CERT_SIGN] });
  const beyond = makeCertificate('beyond', { issuer: last });
  const impostor = makeCertificate('impostor', { issuer: root, extensions: [notCa, CERT_SIGN] });
  const clerk = makeCertificate('clerk', { issuer: root, extensions: [ca(), CRL_SIGN] });
  const odd = makeCertificate('odd', { issuer: root, extensions: [notCa, unknown(true)] });
  const late = makeCertificate('late', { issuer: root, extensions: [notCa], notAfter: before });
  const paths: [why: string, leaf: Made, intermediates: Made[]][] = [
    ['a good path', leafOf(intermediate), [intermediate]],
    ['pathLen kept', leafOf(last), [last]],
    ['pathLen exceeded', leafOf(beyond), [beyond, last]],
    ['an issuer that is no CA', leafOf(impostor), [impostor]],
    ['an issuer without keyCertSign', leafOf(clerk), [clerk]],
    ['an unknown critical extension', odd, []],
    ['an expired leaf', late, []],
    ['a missing intermediate', leafOf(intermediate), []],
  ];
  for (const [why, leaf, intermediates] of paths) {
    it(`agrees on ${why}`, async () => {
      const ours = validate(leaf, intermediates).ok;
      assert.equal(await opensslAccepts(leaf, intermediates), ours);
    });
  }

  it('reads the name of the root as we wrote it', async () => {
    await writeFile(join(dir, 'root'), toPem(root.der));
    const { stdout } = await run('openssl', [
      'x509',
      '-in',
      join(dir, 'root'),
      '-noout',
      '-subject',
    ]);
    assert.equal(stdout.trim(), 'subject=CN = root');
    assert.ok(Buffer.from(root.der).includes(Buffer.from(encodeName({ commonName: 'root' }))));
  });
});
